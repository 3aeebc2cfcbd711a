"""The only room that names concrete stores, index, sandbox, judges and dispatcher."""
