"""A stock-turnover and least-cost model of the world's steel, 2020 to 2050, one linear program a year.

It runs as a program of its own (`python model.py`), in any Python with numpy, scipy and matplotlib;
nothing of Steelyard's is imported but the one-file helper `steelyard_task`. Read `problem.py` for the
equations, `stock.py` for what carries over from one year to the next, `inputs/README.md` for where each
figure comes from.
"""
