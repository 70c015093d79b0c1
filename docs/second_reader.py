#!/usr/bin/env python3
"""A second reader of the vault format, written from docs/format.md: it restores a backup's files and shares nothing with ours.

    second_reader.py VAULT_FOLDER KEY_FILE SOURCE BACKUP INTO_FOLDER

Needs blake3, cryptography and zstandard. It checks page hashes as it goes, and reads folders only. It is slow and meant to be.
"""

import json
import os
import struct
import sys

import blake3
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PACK, MANIFEST, LOG = 1, 2, 3
PAGES, MAP, FILES, HEAD, TABLE, BYTES, END = range(1, 8)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, length):
        if self.at + length > len(self.data):
            raise ValueError("too short")
        self.at += length
        return self.data[self.at - length : self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def delta(self):
        raw = self.varint()
        return (raw >> 1) ^ -(raw & 1)

    def bytes(self):
        return self.take(self.varint())

    def extent(self):
        return self.take(16).hex(), self.varint(), self.varint()

    def end(self):
        if self.at != len(self.data):
            raise ValueError("something is left over")


def derive(context, *parts):
    return blake3.blake3(b"".join(parts), derive_key_context=context).digest()


class Vault:
    def __init__(self, folder, key_text):
        self.folder = folder
        self.id = json.loads(self.read("vault.json"))["id"]
        data_key = self.unlock(key_text)
        self.object_key = derive("rekindle vault format 1: object keys", data_key)
        self.page_key = derive("rekindle vault format 1: page hashes", data_key)

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def unlock(self, key_text):
        key = bytes.fromhex(key_text.strip().removeprefix("rekindle-key-1 "))
        for file in sorted(os.listdir(os.path.join(self.folder, "keys"))):
            slot = json.loads(self.read("keys/" + file))
            checksum = slot.pop("checksum")
            plain = json.dumps(slot, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
            if blake3.blake3(plain).hexdigest() != checksum:
                raise ValueError("a key slot is damaged")
            if slot["kind"] == "key-file":
                wrapping = derive("rekindle 2026 vault key slot: key file", key, bytes.fromhex(slot["salt"]))
                binding = f"rekindle-slot-1 {len(self.id)} {self.id} {len(slot['id'])} {slot['id']} key-file"
                return AESGCM(wrapping).decrypt(bytes(12), bytes.fromhex(slot["wrapped"]), binding.encode())
        raise ValueError("no key file slot")

    def cipher(self, header, name):
        return AESGCM(blake3.blake3(header + name.encode(), key=self.object_key).digest())

    def header(self, kind, salt):
        return b"REKINDLE" + struct.pack("<HBBI", 1, kind, 0, 0) + bytes.fromhex(self.id) + salt

    @staticmethod
    def unseal(cipher, offset, frame):
        stored, raw, codec, kind, zero = struct.unpack_from("<IIBBH", frame)
        if zero or len(frame) != 12 + stored:
            raise ValueError("a frame's head makes no sense")
        plain = cipher.decrypt(struct.pack("<QI", offset, 0), frame[12:], frame[:12])
        if codec == 1:
            plain = zstandard.ZstdDecompressor().decompress(plain, max_output_size=raw)
        if len(plain) != raw:
            raise ValueError("a frame has another length than it says")
        return kind, plain

    def open_all(self, kind, name):
        data = self.read(name)
        if data[:64] != self.header(kind, data[32:64]):
            raise ValueError(name + " has another header")
        cipher, offset, frames = self.cipher(data[:64], name), 64, []
        while True:
            end = offset + 12 + struct.unpack_from("<I", data, offset)[0]
            frames.append(self.unseal(cipher, offset, data[offset:end]))
            offset = end
            if frames[-1][0] == END:
                if offset != len(data):
                    raise ValueError("something follows the end of " + name)
                return frames[:-1]

    def extent(self, extent, wanted):
        pack, offset, length = extent
        name = f"packs/{pack[:2]}/{pack}"
        with open(os.path.join(self.folder, name), "rb") as file:
            file.seek(offset)
            frame = file.read(length)
        kind, plain = self.unseal(self.cipher(self.header(PACK, bytes(32)), name), offset, frame)
        if kind != wanted:
            raise ValueError("another thing stands there")
        return plain

    def page_hash(self, page):
        return struct.unpack("<Q", blake3.blake3(page, key=self.page_key).digest()[:8])[0]


def read_entries(reader, count, extents):
    hashes = struct.unpack(f"<{count}Q", reader.take(8 * count))
    numbers, number = [], 0
    for _ in range(count):
        number += reader.delta()
        numbers.append(number)
    slots = reader.take(count)
    return [(h, extents[n - 1] if n else None, s) for h, n, s in zip(hashes, numbers, slots)]


def read_map(vault, data):
    """Page size, and for each page its hash, its extent (or nothing) and its slot."""
    reader = Reader(data)
    if reader.byte() != 1:
        raise ValueError("map version")
    page_size, count = reader.varint(), reader.varint()
    base = reader.extent() if reader.byte() else None
    packs = [reader.take(16).hex() for _ in range(reader.varint())]
    extents, end = [], 0
    for _ in range(reader.varint()):
        pack = packs[reader.varint()]
        offset = end + reader.delta()
        length = reader.varint()
        end = offset + length
        extents.append((pack, offset, length))
    if base is None:
        pages = read_entries(reader, count, extents)
    else:
        _, pages = read_map(vault, vault.extent(base, MAP))
        pages = pages[:count] + [(0, None, 0)] * (count - len(pages))
        numbers, following = [], 0
        for _ in range(reader.varint()):
            numbers.append(following + reader.varint())
            following = numbers[-1] + 1
        for number, entry in zip(numbers, read_entries(reader, len(numbers), extents)):
            pages[number] = entry
    reader.end()
    return page_size, pages


def read_list(data):
    reader = Reader(data)
    if reader.byte() != 1:
        raise ValueError("list version")
    for _ in range(reader.varint()):
        path, kind = reader.bytes().decode(), reader.byte()
        mode, _uid, _gid, _modified = reader.varint(), reader.varint(), reader.varint(), reader.delta()
        if kind == 0:
            yield path, mode, None, None
        elif kind == 1:
            yield path, mode, reader.bytes().decode(), None
        else:
            size, _page_size, segments = reader.varint(), reader.varint(), []
            for _ in range(reader.varint()):
                segments.append(reader.extent() if reader.byte() else reader.bytes())
            yield path, mode, size, segments
    reader.end()


def restore(vault, source, backup, into):
    head, table = vault.open_all(MANIFEST, f"backups/{source}/{backup}/manifest")
    segment_length = json.loads(head[1])["segment_length"]
    reader = Reader(table[1])
    if reader.byte() != 1:
        raise ValueError("table version")
    lists = [reader.extent() for _ in range(reader.varint())]
    if reader.byte():
        lists.append(reader.extent())
    for extent in lists:
        for path, mode, what, segments in read_list(vault.extent(extent, FILES)):
            if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
                raise ValueError("a path leaves its folder")
            target = os.path.join(into, path)
            if segments is not None:
                os.makedirs(os.path.dirname(target), exist_ok=True)
                restore_file(vault, target, mode, what, segments, segment_length)
            elif what is not None:
                os.symlink(what, target)
            else:
                os.makedirs(target, mode=mode, exist_ok=True)


def restore_file(vault, target, mode, size, segments, segment_length):
    with open(target, "wb") as file:
        file.truncate(size)
        for number, stored in enumerate(segments):
            data = stored if isinstance(stored, bytes) else vault.extent(stored, MAP)
            page_size, pages = read_map(vault, data)
            for page, (wanted, extent, slot) in enumerate(pages):
                offset = number * segment_length + page * page_size
                if extent is not None:
                    content = vault.extent(extent, PAGES)[slot * page_size : (slot + 1) * page_size]
                    content = content[: size - offset]
                    if vault.page_hash(content) != wanted:
                        raise ValueError(f"{target}: page {page} is not what its map says")
                    file.seek(offset)
                    file.write(content)
    os.chmod(target, mode)


if __name__ == "__main__":
    folder, key_file, source, backup, into = sys.argv[1:]
    with open(key_file, encoding="ascii") as key:
        restore(Vault(folder, key.read()), source, backup, into)
