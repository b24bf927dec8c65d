"""Where plants and demand centres lie, and what it costs to carry steel and scrap between them.

`resolution` n cuts every region's capacity of a route into n sub-plants and its demand into n centres,
spread evenly over the region's disc. A finer cut brings freight nearer to what it is between many works
and many customers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .data import Floats, Region

EARTH_KM = 6371.0
GOLDEN_ANGLE = np.pi * (3.0 - np.sqrt(5.0))
DETOUR = 1.3
"""Way by road, rail and sea over the great circle. Assumption."""
INLAND_USD_KM, INLAND_USD = 0.025, 6.0
"""Freight inside a region, USD per t and km, and per t. Assumption."""
OVERSEAS_USD_KM, OVERSEAS_USD = 0.005, 60.0
"""Freight between regions: the same, with ports and duties. Assumption."""


@dataclass(frozen=True)
class Places:
    """Sub-plants and demand centres. Plants are ordered by region, then route, then site; centres by
    region, then site."""

    plant_region: np.ndarray
    plant_route: np.ndarray
    plant_site: np.ndarray
    centre_region: np.ndarray
    freight: Floats
    """USD per tonne from plant to centre, `[plant, centre]`."""
    scrap_freight: Floats
    """USD per tonne of scrap from region to region, `[region, region]`; 0 on the diagonal."""

    @property
    def plants(self) -> int:
        return len(self.plant_region)

    @property
    def centres(self) -> int:
        return len(self.centre_region)


def lay_out(areas: list[Region], route_count: int, resolution: int) -> Places:
    """The map for one resolution: `resolution` sub-plants per region and route, and as many centres per
    region."""
    shape = (len(areas), route_count, resolution)
    plant_region, plant_route, plant_site = (axis.ravel() for axis in np.indices(shape))
    centre_region, centre_site = (axis.ravel() for axis in np.indices((len(areas), resolution)))
    # Each route turns the same spiral by another angle, and the centres by one more: nothing lies on top
    # of anything else.
    turn = 2.0 * np.pi / (route_count + 1)
    plants = _spiral(areas, plant_region, plant_site, resolution, plant_route * turn)
    centres = _spiral(
        areas, centre_region, centre_site, resolution, np.full(len(centre_region), route_count * turn)
    )
    middles = np.radians([[area.latitude, area.longitude] for area in areas])
    scrap = OVERSEAS_USD + OVERSEAS_USD_KM * DETOUR * _distance(middles, middles)
    np.fill_diagonal(scrap, 0.0)
    way = _distance(plants, centres)
    way *= DETOUR
    home = plant_region[:, None] == centre_region[None, :]
    freight = np.where(home, INLAND_USD + INLAND_USD_KM * way, OVERSEAS_USD + OVERSEAS_USD_KM * way)
    return Places(plant_region, plant_route, plant_site, centre_region, freight, scrap)


def _spiral(
    areas: list[Region], region: np.ndarray, site: np.ndarray, count: int, turn: np.ndarray
) -> Floats:
    """Points `[point, (latitude, longitude)]` in radians: a sunflower spiral, which fills a disc evenly
    for any count."""
    table = np.array([[area.latitude, area.longitude, area.radius_km] for area in areas])[region]
    distance = table[:, 2] * np.sqrt((site + 0.5) / count)
    angle = site * GOLDEN_ANGLE + turn
    latitude = np.radians(table[:, 0])
    north = distance * np.cos(angle) / EARTH_KM
    east = distance * np.sin(angle) / (EARTH_KM * np.cos(latitude))
    return np.stack([latitude + north, np.radians(table[:, 1]) + east], axis=1)


def _distance(one: Floats, other: Floats) -> Floats:
    """Great-circle distances in km, `[one, other]` (haversine formula)."""
    north = one[:, None, 0] - other[None, :, 0]
    east = one[:, None, 1] - other[None, :, 1]
    cosines = np.cos(one[:, None, 0]) * np.cos(other[None, :, 0])
    half = np.sin(north / 2) ** 2 + cosines * np.sin(east / 2) ** 2
    distance: Floats = 2.0 * EARTH_KM * np.arcsin(np.sqrt(np.clip(half, 0.0, 1.0)))
    return distance
