"""The notebooks as steps of a graph: what each reads and writes, and how it runs headlessly."""
