//! Numbers and ids as JSON has them: 64-bit numbers go out as texts, and both come in either way, because JavaScript
//! loses digits beyond 2^53 and other languages write numbers.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// A 64-bit number: out as a text, in as either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, example = "42")]
pub(crate) struct Wide(pub(crate) u64);

/// An id: out as a text, in as a text or a whole number.
#[derive(Clone, Debug, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, example = "alice")]
pub(crate) struct IdText(pub(crate) String);

impl Serialize for Wide {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Wide {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Wide;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, as a number or a text")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Wide, E> {
                Ok(Wide(number))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Wide, E> {
                text.parse().map(Wide).map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl<'de> Deserialize<'de> for IdText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = IdText;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id, as a text or a whole number")
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<IdText, E> {
                Ok(IdText(number.to_string()))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<IdText, E> {
                Ok(IdText(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// For members where `null` says something else than absence.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::{IdText, Wide};

    #[test]
    fn both_spellings_come_in_and_texts_go_out() {
        for json in ["18446744073709551615", "\"18446744073709551615\""] {
            assert_eq!(serde_json::from_str::<Wide>(json).unwrap(), Wide(u64::MAX));
        }
        assert_eq!(serde_json::to_string(&Wide(u64::MAX)).unwrap(), "\"18446744073709551615\"");
        assert_eq!(serde_json::from_str::<IdText>("123").unwrap().0, "123");
        assert_eq!(serde_json::from_str::<IdText>("\"abc\"").unwrap().0, "abc");
        for json in ["-1", "1.5", "\"x\"", "null", "true", "\"\"", "[]"] {
            assert!(serde_json::from_str::<Wide>(json).is_err(), "{json}");
        }
        for json in ["-1", "1.5", "null", "true", "[]"] {
            assert!(serde_json::from_str::<IdText>(json).is_err(), "{json}");
        }
    }
}
