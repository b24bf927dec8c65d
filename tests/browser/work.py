"""Programs for tasks of the page tests: one that writes every kind of file, and what a page must survive."""

from __future__ import annotations

HOSTILE = "<img src=x onerror=alert(1)>"

FILES = r"""
import json, os, struct, zlib
folder = os.environ["STEELYARD_OUTPUT_DIR"]

def path(name):
    return os.path.join(folder, name)

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

rows = b"".join(b"\0" + bytes(v for x in range(240) for v in (30 + x // 2, 90, 200 - y)) for y in range(120))
with open(path("map.png"), "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 240, 120, 8, 2, 0, 0, 0))
               + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
with open(path("broken.png"), "w") as file:
    file.write("this is no picture")
with open(path("chart.svg"), "w") as file:
    file.write('<svg xmlns="http://www.w3.org/2000/svg" width="240" height="80">'
               '<style>rect{fill:#1c62c4}</style>'
               '<rect width="120" height="40" x="20" y="20"/><script>alert(1)</script></svg>')
with open(path("table.csv"), "w") as file:
    file.write("year,production,region\n2020,1.5,<img src=x onerror=alert(1)>\n")
    file.writelines(f"{2021 + n},{n * 0.5},EU\n" for n in range(ROWS))
with open(path("config.json"), "w") as file:
    json.dump({"name": "<img src=x onerror=alert(1)>", "years": {"first": 2020, "last": 2050}}, file)
with open(path("notes.txt"), "w") as file:
    file.write("plain <b>text</b>\n")
with open(path("result.json"), "w") as file:
    json.dump({"cost": 123.4, "emissions": {"2050": 0.3}}, file)
"""

OUTPUT = r"""
import sys
print("<img src=x onerror=alert(1)>")
print("\x1b[31mred\x1b[0m and \x1b]0;title\x07plain")
print("x" * 10_000)
sys.stdout.write("  1 %\r 50 %\r100 % of the bar\n")
print("the last line", flush=True)
"""

YEARS = """
import time
for year in range(2020, 2051):
    print(f"year {year} of 2050: demand met", flush=True)
    print(f"::steelyard progress {(year - 2020) / 31} year {year} of 2050", flush=True)
    time.sleep(0.25 if year < 2030 else 4)
time.sleep(120)
"""
"""Quick at first, and then slow: however long a test takes, there is more to be done."""


def files(rows: int = 3) -> str:
    """The program that writes one file of each kind; the table has so many rows more."""
    return FILES.replace("ROWS", str(rows))


ODD_FILES = r"""
import json, os, time
folder = os.environ["STEELYARD_OUTPUT_DIR"]

def write(name, data):
    with open(os.path.join(os.fsencode(folder), name), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())

write(b"broken.png", "no picture")
write(b"half.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xff\xff\0\0\xff\xff\x08\x02\0\0\0")
write(b"script.svg", '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
write(b"deep.json", "[" * 100_000 + "]" * 100_000)
write(b"nested.json", '{"a":' * 900 + "1" + "}" * 900)
write(b"wide.json", json.dumps({f"key {n}": n for n in range(50_000)}))
write(b"huge.json", json.dumps(["x" * 1000] * 20_000))
write(b"digits.json", "9" * 100_000)
write(b"half-a-pair.json", '{"\\ud800": "\\udfff", "nan": NaN}')
write(b"wide.csv", ",".join(f"c{n}" for n in range(5_000)) + "\n" + ",".join("1" * 5_000) + "\n")
write(b"quote.csv", 'a,b\n"' + "x" * 500_000)
write(b"no-text-\xff\xfe.csv", b"a,b\n\xff,2\n")
write(b"picture-\xff.png", "no picture")
write(b"line.txt", "z" * 1_000_000)
write(b"bytes.txt", bytes(range(256)))
write(b"empty.json", "")
write(b"million.csv", "year,value,region\n" + "".join(f"{n},{n / 2},EU\n" for n in range(1_000_000)))
print("z" * 1_000_000)
print("written", flush=True)
time.sleep(600)
"""
