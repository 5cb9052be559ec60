//! Header maps: which may be used when, and what is in them.

use crate::abi::{HeaderMap, MapKind, Status, decode_pairs, encode_pairs};
use crate::guest::{Arguments, Guest, Outcome};

pub(crate) fn get(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let kind = kind(arguments)?;
    let name = guest.bytes(arguments, 1)?.to_ascii_lowercase();
    let map = readable(guest, kind).ok_or(Status::BAD_ARGUMENT)?;
    // The first of several values, as in Envoy.
    let (_, value) = map.into_iter().find(|(key, _)| *key == name).ok_or(Status::NOT_FOUND)?;
    guest.give(arguments, 3, &value)
}

pub(crate) fn add(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let kind = kind(arguments)?;
    let name = guest.bytes(arguments, 1)?.to_ascii_lowercase();
    let value = guest.bytes(arguments, 3)?;
    writable(guest, kind)?.push((name, value));
    Ok(())
}

pub(crate) fn replace(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let kind = kind(arguments)?;
    let name = guest.bytes(arguments, 1)?.to_ascii_lowercase();
    let value = guest.bytes(arguments, 3)?;
    let map = writable(guest, kind)?;
    match map.iter().position(|(key, _)| *key == name) {
        Some(first) => {
            map[first].1 = value;
            let mut place = 0;
            map.retain(|(key, _)| {
                place += 1;
                place - 1 == first || *key != name
            });
        }
        None => map.push((name, value)),
    }
    Ok(())
}

pub(crate) fn remove(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let kind = kind(arguments)?;
    let name = guest.bytes(arguments, 1)?.to_ascii_lowercase();
    writable(guest, kind)?.retain(|(key, _)| *key != name);
    Ok(())
}

/// Out of its phase a map has no pairs, which is no error in Envoy.
pub(crate) fn get_pairs(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let kind = kind(arguments)?;
    let pairs = readable(guest, kind).unwrap_or_default();
    let bytes = guest.state().garbled_pairs.clone().unwrap_or_else(|| encode_pairs(&pairs));
    guest.give(arguments, 1, &bytes)
}

pub(crate) fn set_pairs(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let kind = kind(arguments)?;
    let pairs = decode_pairs(&guest.bytes(arguments, 1)?);
    *writable(guest, kind)? = pairs;
    Ok(())
}

pub(crate) fn size(guest: &mut Guest<'_>, arguments: &Arguments<'_>) -> Outcome {
    let kind = kind(arguments)?;
    let size: usize = writable(guest, kind)?.iter().map(|(name, value)| name.len() + value.len()).sum();
    guest.write(arguments.u32(1), &(size as u32).to_le_bytes())
}

fn kind(arguments: &Arguments<'_>) -> Result<MapKind, Status> {
    MapKind::from_abi(arguments.u32(0)).ok_or(Status::BAD_ARGUMENT)
}

fn readable(guest: &mut Guest<'_>, kind: MapKind) -> Option<HeaderMap> {
    let state = guest.state();
    let stream = state.stream(state.acting())?;
    let map = stream.map(kind)?;
    (map.open || (stream.logging && map.known)).then(|| map.pairs.clone())
}

fn writable<'a>(guest: &'a mut Guest<'_>, kind: MapKind) -> Result<&'a mut HeaderMap, Status> {
    let state = guest.state();
    let acting = state.acting();
    let map = state.stream_mut(acting).and_then(|stream| stream.map_mut(kind));
    map.filter(|map| map.open).map(|map| &mut map.pairs).ok_or(Status::BAD_ARGUMENT)
}
