"""The run-time check of types and shapes. Whole numbers pass as floats, as PEP 484 has it."""

from beartype import BeartypeConf, beartype

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
