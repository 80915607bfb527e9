//! CBOR, as Smithy's RPC v2 CBOR protocol has it: read into JSON's values, and written from them.
//!
//! Source: Smithy, "Smithy RPC v2 CBOR protocol"; RFC 8949. A time is a number of seconds since the
//! epoch with the tag 1.

use bytes::Bytes;
use http::HeaderMap;
use minicbor::data::{IanaTag, Type};
use minicbor::decode::Error;
use minicbor::{Decoder, Encoder};
use serde_json::{Map, Number, Value};

use crate::service::header;

/// The type of every body.
pub const CONTENT_TYPE: &str = "application/cbor";
/// The header of every request and every answer, and its value.
pub const PROTOCOL: (&str, &str) = ("smithy-protocol", "rpc-v2-cbor");
/// How deep values may be nested. It protects the stack.
const MAX_DEPTH: usize = 32;

/// Whether a request with these headers speaks this protocol.
#[must_use]
pub fn is_spoken(headers: &HeaderMap) -> bool {
    header(headers, PROTOCOL.0) == PROTOCOL.1
}

/// Reads a value. A time becomes its number, and no bytes at all become an object without members.
///
/// # Errors
/// If the bytes are not CBOR, or hold what the protocol has no use for here: bytes, and tags other
/// than that of a time.
pub fn read(bytes: &[u8]) -> Result<Value, Error> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    let mut decoder = Decoder::new(bytes);
    let value = next(&mut decoder, MAX_DEPTH)?;
    match decoder.position() == bytes.len() {
        true => Ok(value),
        false => Err(Error::message("more bytes follow the value")),
    }
}

fn next(decoder: &mut Decoder<'_>, depth: usize) -> Result<Value, Error> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Error::message("the value is nested too deeply"));
    };
    let float = |number: f64| Number::from_f64(number).map_or(Value::Null, Value::Number);
    Ok(match decoder.datatype()? {
        Type::Bool => decoder.bool()?.into(),
        Type::Null | Type::Undefined => {
            decoder.skip()?;
            Value::Null
        }
        Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::I8
        | Type::I16
        | Type::I32
        | Type::I64 => decoder.i64()?.into(),
        Type::F32 => float(decoder.f32()?.into()),
        Type::F64 => float(decoder.f64()?),
        Type::String => decoder.str()?.into(),
        Type::Array | Type::ArrayIndef => {
            let mut left = decoder.array()?;
            let mut items = Vec::new();
            while goes_on(decoder, &mut left)? {
                items.push(next(decoder, depth)?);
            }
            items.into()
        }
        Type::Map | Type::MapIndef => {
            let mut left = decoder.map()?;
            let mut members = Map::new();
            while goes_on(decoder, &mut left)? {
                let name = decoder.str()?.to_owned();
                members.insert(name, next(decoder, depth)?);
            }
            members.into()
        }
        Type::Tag if decoder.tag()? == IanaTag::Timestamp.tag() => next(decoder, depth)?,
        other => return Err(Error::type_mismatch(other)),
    })
}

/// Whether a list or a map has another member: `left` says how many, unless a break ends it.
fn goes_on(decoder: &mut Decoder<'_>, left: &mut Option<u64>) -> Result<bool, Error> {
    match left {
        Some(0) => Ok(false),
        Some(more) => {
            *more -= 1;
            Ok(true)
        }
        None if decoder.datatype()? == Type::Break => {
            decoder.skip()?;
            Ok(false)
        }
        None => Ok(true),
    }
}

/// Writes a value. The numbers of the members that are called as `times` says are times.
#[must_use]
pub fn write(value: &Value, times: &[&str]) -> Bytes {
    let mut encoder = Encoder::new(Vec::new());
    put(&mut encoder, value, times, false);
    encoder.into_writer().into()
}

// Writing to a Vec does not fail.
fn put(encoder: &mut Encoder<Vec<u8>>, value: &Value, times: &[&str], is_time: bool) {
    let _ = match value {
        Value::Null => encoder.null(),
        Value::Bool(value) => encoder.bool(*value),
        Value::String(text) => encoder.str(text),
        Value::Number(number) => {
            if is_time {
                let _ = encoder.tag(IanaTag::Timestamp);
            }
            match number.as_i64() {
                Some(number) => encoder.i64(number),
                None => encoder.f64(number.as_f64().unwrap_or_default()),
            }
        }
        Value::Array(items) => {
            let _ = encoder.array(items.len() as u64);
            for item in items {
                put(encoder, item, times, is_time);
            }
            return;
        }
        Value::Object(members) => {
            let _ = encoder.map(members.len() as u64);
            for (name, value) in members {
                let _ = encoder.str(name);
                put(encoder, value, times, times.contains(&name.as_str()));
            }
            return;
        }
    };
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_as_they_were_written() {
        let value = json!({
            "text": "Zürich",
            "numbers": [0, -1, 1.5, 4_294_967_296_i64],
            "flags": [true, false, null],
            "at": [1_767_312_000, 1_767_312_000.25],
            "empty": {},
        });
        assert_eq!(read(&write(&value, &["at"])).unwrap(), value);
    }

    #[test]
    fn time_has_the_tag_of_the_specification() {
        // RFC 8949, appendix A: 1(1363896240).
        let bytes = [0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0];
        assert_eq!(read(&bytes).unwrap(), json!(1_363_896_240));
        let written = write(&json!({"t": 1_363_896_240}), &["t"]);
        assert_eq!(written[..], [&[0xa1, 0x61, b't'][..], &bytes[..]].concat());
    }

    #[test]
    fn lists_and_maps_without_a_length_are_read() {
        // RFC 8949, appendix A: {_ "a": 1, "b": [_ 2, 3]}.
        let bytes = [
            0xbf, 0x61, 0x61, 0x01, 0x61, 0x62, 0x9f, 0x02, 0x03, 0xff, 0xff,
        ];
        assert_eq!(read(&bytes).unwrap(), json!({"a": 1, "b": [2, 3]}));
    }

    #[test]
    fn no_bytes_are_a_call_without_parameters() {
        assert_eq!(read(&[]).unwrap(), json!({}));
    }

    #[test]
    fn what_is_no_value_of_the_protocol_is_refused() {
        let deep = [0x81; 10_000];
        for bytes in [
            &deep[..],
            // A list of more members than there are bytes.
            &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            // A number after the value.
            &[0xa0, 0x01],
            // Bytes, another tag, and a number that does not fit.
            &[0x41, 0x00],
            &[0xc0, 0x61, b'1'],
            &[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        ] {
            assert!(read(bytes).is_err(), "{:?}", &bytes[..2]);
        }
    }
}
