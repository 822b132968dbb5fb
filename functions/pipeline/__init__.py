"""The pure core: decisions as functions of values. Nothing here does I/O, reads a clock or imports an Azure package.

Read it in this order: `documents` and `jobs` (the records), `states` (every transition, in one table), `decoding`,
`splitting` and `packing` (from bytes to requests), `outcomes`, `decisions` and `retry` (what to do with an answer),
`entities` and `results` (from answers to the file the user gets).
"""
