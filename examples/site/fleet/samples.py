"""What `manage.py seed` puts into an empty harbour."""

from typing import NamedTuple


class QuaySample(NamedTuple):
    slug: str
    name: str
    depth_m: str
    about: str


class ShipSample(NamedTuple):
    name: str
    kind: str
    home_port: str
    call_sign: str
    built: int
    length_m: str
    draught_m: str
    tonnage: int
    crew: int
    quay: str
    mood: str
    land: str
    story: str


class SightingSample(NamedTuple):
    ship: str
    mood: str
    land: str
    caption: str


QUAYS = [
    QuaySample("old-slip", "Old Slip", "4.5", "Where the boatyard stood; sail and small craft."),
    QuaySample("customs-quay", "Customs Quay", "7.0", "Under the clock; visitors lie here first."),
    QuaySample("fish-pier", "Fish Pier", "5.5", "Awake from three in the morning."),
    QuaySample("north-wall", "North Wall", "12.5", "Deep water, cranes and the railway."),
]

SHIPS = [
    ShipSample("Halcyon", "sloop", "Falmouth", "MHLC7", 1968, "11.4", "1.9", 9, 3, "old-slip",
        "dawn", "hills", "Built in a barn by two brothers and a borrowed bandsaw. She has crossed "
        "Biscay eleven times and complained about it in every log."),
    ShipSample("Marguerite", "schooner", "Saint-Malo", "FMGT2", 1923, "31.0", "3.4", 118, 9,
        "customs-quay", "noon", "town", "Carried salt cod until the war and schoolchildren ever "
        "since. The galley still smells, faintly, of both."),
    ShipSample("Cape Resolute", "barque", "Bergen", "LCRS4", 1904, "78.5", "5.2", 1180, 44,
        "customs-quay", "gold", "cranes", "One of the last to bring grain round the Horn. Her "
        "bell is older than she is, and nobody can say where it came from."),
    ShipSample("Bramble", "tug", "Liverpool", "GBRM1", 1957, "28.6", "3.9", 195, 6, "north-wall",
        "dusk", "ice", "Small, loud and never late. Once held a tanker off the breakwater for "
        "nine hours on one engine and the cook's tea."),
    ShipSample("Morning Catch", "trawler", "Peterhead", "MMRC5", 1979, "24.2", "3.1", 142, 7,
        "fish-pier", "night", "town", "Sails when the pubs close and is back before the bakers. "
        "Her skipper claims never to have seen the harbour in daylight."),
    ShipSample("Queen of the Sound", "ferry", "Oban", "GQSD3", 1988, "96.0", "4.1", 4200, 28,
        "north-wall", "fog", "cranes", "Six islands a day, forty cars, one piper on Saturdays. In "
        "fog she is heard long before she is seen."),
    ShipSample("Atlas Trader", "freighter", "Rotterdam", "PATL9", 2006, "212.0", "11.2", 32900,
        21, "north-wall", "squall", "ice", "Brings bicycles, takes back oats. Her second officer "
        "grows tomatoes behind the bridge, out of the wind."),
    ShipSample("North Light", "lightship", "Esbjerg", "ONLT6", 1931, "37.5", "3.8", 355, 5,
        "old-slip", "aurora", "hills", "Stood on station for forty winters without moving a mile. "
        "Now that she may go anywhere, she prefers to stay."),
    ShipSample("Petrel", "sloop", "Cowes", "MPTR8", 1999, "9.8", "1.7", 6, 2, "old-slip", "dusk",
        "cranes", "A racing boat with a cruising soul: always third, always first to the kettle."),
    ShipSample("Skarv", "schooner", "Tromso", "LSKV1", 1937, "27.4", "3.2", 96, 8, "customs-quay",
        "night", "ice", "Went sealing, then surveying, then to pieces, and was put together again "
        "by a museum that could not bear to keep her ashore."),
    ShipSample("Santa Aurelia", "barque", "Cadiz", "ESAU3", 1911, "69.0", "4.9", 940, 38,
        "customs-quay", "fog", "hills", "A training ship: three hundred cadets a year learn that "
        "the sea is large, and that rope is heavy when it is wet."),
    ShipSample("Gannet", "tug", "Leith", "GGNT4", 1971, "32.1", "4.2", 240, 6, "fish-pier",
        "squall", "town", "Lends her strength to anyone who asks nicely on channel twelve."),
    ShipSample("Silver Darling", "trawler", "Killybegs", "EISD2", 1986, "26.9", "3.4", 168, 7,
        "fish-pier", "aurora", "ice", "Named after the herring, and after the skipper's mother, "
        "who has never said which of them she thinks was meant first."),
    ShipSample("Lady of the Isles", "ferry", "Stornoway", "GLIS7", 1994, "88.4", "3.9", 3650, 24,
        "north-wall", "dawn", "hills", "Carries the post, the vet, the football team and, each "
        "May, eleven hundred lambs, who are the best behaved of all."),
    ShipSample("Meridian Star", "freighter", "Hamburg", "DMST5", 2011, "186.3", "10.4", 25400, 19,
        "north-wall", "noon", "town", "Runs a tight schedule and a loose card game. Coffee, "
        "machine parts, and once a whole carousel, horses included."),
    ShipSample("Sandbank Sally", "lightship", "Harwich", "GSBS2", 1926, "33.2", "3.5", 310, 5,
        "old-slip", "gold", "cranes", "Painted red so often that her plates are said to be mostly "
        "paint. The lamp still turns on Sundays, for those who remember."),
    ShipSample("Wren", "sloop", "Kinsale", "EIWR6", 2014, "8.9", "1.6", 5, 2, "old-slip", "noon",
        "hills", "Fits through the old bridge with a hand's breadth to spare, as the paint on the "
        "bridge can tell."),
    ShipSample("Dorothea", "schooner", "Flensburg", "DDRT8", 1951, "29.7", "3.0", 104, 8,
        "customs-quay", "gold", "town", "Brought timber from Finland until she was given a piano. "
        "Now there is music in every port, and less timber."),
    ShipSample("Windhover", "barque", "Bristol", "GWHV1", 1908, "74.1", "5.0", 1060, 41,
        "customs-quay", "dusk", "hills", "Set every sail she had for a film, and broke the record "
        "to Lisbon while the camera was being loaded."),
    ShipSample("Badger", "tug", "Cork", "EIBD3", 1964, "26.3", "3.6", 178, 5, "fish-pier", "gold",
        "hills", "Pushes better than she pulls, and sulks alongside on days without work."),
    ShipSample("Ursa", "trawler", "Reykjavik", "TFUR9", 1992, "38.0", "4.4", 390, 11, "fish-pier",
        "noon", "ice", "Fished under the midnight sun so long that her crew carry curtains."),
    ShipSample("Island Rose", "ferry", "Penzance", "GIRS4", 1977, "71.5", "2.9", 1850, 18,
        "customs-quay", "night", "town", "Has a flat bottom, so as to lie on the sand; on every "
        "other surface she rolls. Passengers receive a certificate."),
    ShipSample("Kestrel Bay", "freighter", "Gdynia", "SKTB7", 1998, "142.8", "8.1", 11800, 16,
        "north-wall", "dawn", "cranes", "Too small for the big routes and too proud for the small "
        "ones. Windmill blades, mostly, which stick out at both ends."),
    ShipSample("Old Faithful", "lightship", "Brest", "FOFL1", 1939, "41.0", "4.0", 402, 6,
        "old-slip", "night", "hills", "Was painted black in the war and went on shining anyway. "
        "There is a medal for it in the mess, under the barometer."),
]  # fmt: skip

SIGHTINGS = [
    SightingSample("Cape Resolute", "dusk", "hills", "Every sail set, just before the light went"),
    SightingSample("North Light", "squall", "hills", "Not a night to be anywhere else"),
    SightingSample("Meridian Star", "gold", "cranes", "Waiting for the pilot off the North Wall"),
    SightingSample("Marguerite", "dawn", "town", "Slipping out while the town sleeps"),
    SightingSample("Bramble", "noon", "town", "Off duty, for once"),
    SightingSample("Windhover", "noon", "hills", "A fair wind and nobody in a hurry"),
    SightingSample("Queen of the Sound", "gold", "hills", "The last boat home"),
    SightingSample("Silver Darling", "dawn", "hills", "Full boxes, by the look of her"),
]
