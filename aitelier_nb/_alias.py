"""Makes `%load_ext aitelier` work: installed as the top-level module `aitelier`."""

from aitelier_nb import load_ipython_extension, unload_ipython_extension

__all__ = ["load_ipython_extension", "unload_ipython_extension"]
