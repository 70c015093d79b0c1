//! The few primitives that every byte format here is made of: little-endian integers, varints (LEB128), length-prefixed bytes.
//! Pure: bytes in, values out. Reading never panics and never allocates more than the input could fill.

/// Why bytes could not be read: what was expected where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

pub type Decoded<T> = Result<T, Malformed>;

pub fn put_u32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(&value.to_le_bytes());
}

pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small positive and negative differences take one byte.
pub fn put_delta(out: &mut Vec<u8>, difference: i64) {
    put_varint(out, ((difference << 1) ^ (difference >> 63)) as u64);
}

pub fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Reads front to back.
#[derive(Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    pub fn left(&self) -> usize {
        self.rest.len()
    }

    pub fn take(&mut self, length: usize, what: &str) -> Decoded<&'a [u8]> {
        let (taken, rest) = self
            .rest
            .split_at_checked(length)
            .ok_or_else(|| Malformed(format!("{what}: {length} bytes wanted, {} left", self.rest.len())))?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn array<const N: usize>(&mut self, what: &str) -> Decoded<[u8; N]> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N, what)?);
        Ok(out)
    }

    pub fn u8(&mut self, what: &str) -> Decoded<u8> {
        Ok(self.array::<1>(what)?[0])
    }

    pub fn u32(&mut self, what: &str) -> Decoded<u32> {
        Ok(u32::from_le_bytes(self.array(what)?))
    }

    pub fn u64(&mut self, what: &str) -> Decoded<u64> {
        Ok(u64::from_le_bytes(self.array(what)?))
    }

    pub fn varint(&mut self, what: &str) -> Decoded<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed(format!("{what}: varint longer than 64 bits")))
    }

    pub fn varint_u32(&mut self, what: &str) -> Decoded<u32> {
        u32::try_from(self.varint(what)?).map_err(|_| Malformed(format!("{what}: over 32 bits")))
    }

    pub fn delta(&mut self, what: &str) -> Decoded<i64> {
        let raw = self.varint(what)?;
        Ok(((raw >> 1) as i64) ^ -((raw & 1) as i64))
    }

    /// A count of things of which each takes at least `least` bytes: more than the input could hold is refused at once.
    pub fn count(&mut self, least: usize, what: &str) -> Decoded<usize> {
        let count = self.varint(what)?;
        let most = (self.left() / least.max(1)) as u64;
        if count > most {
            return Err(Malformed(format!("{what}: {count} announced, room for {most}")));
        }
        Ok(count as usize)
    }

    pub fn bytes(&mut self, what: &str) -> Decoded<&'a [u8]> {
        let length = self.count(1, what)?;
        self.take(length, what)
    }

    pub fn text(&mut self, what: &str) -> Decoded<&'a str> {
        std::str::from_utf8(self.bytes(what)?).map_err(|_| Malformed(format!("{what}: not UTF-8")))
    }

    pub fn end(self, what: &str) -> Decoded<()> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(Malformed(format!("{what}: {} bytes too many", self.rest.len())))
        }
    }
}
