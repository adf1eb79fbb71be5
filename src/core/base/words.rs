//! Enums whose variants have a word in files, in the store, in JSON and on screen: each word is written
//! once.

/// Declares an enum with the word of each variant (`Queued = "queued"`), and gives it `ALL`, `NAMES`,
/// `name` and `from_name`.
#[macro_export]
macro_rules! words {
    ($(#[$about:meta])* $vis:vis enum $kind:ident { $($(#[$note:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$about])*
        $vis enum $kind { $($(#[$note])* $variant,)+ }

        impl $kind {
            /// All variants, in the order of their declaration.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$variant),+];
            /// Their words, in the same order.
            pub const NAMES: [&'static str; Self::ALL.len()] = [$($word),+];

            /// Its word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The variant with that word.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($word => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

/// An enum of [`words!`] as its word in JSON and in the store.
#[macro_export]
macro_rules! serde_by_word {
    ($($kind:ident),+) => {
        $(
            impl ::serde::Serialize for $kind {
                fn serialize<S: ::serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                    to.serialize_str(self.name())
                }
            }

            impl<'de> ::serde::Deserialize<'de> for $kind {
                fn deserialize<D: ::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                    let word = <String as ::serde::Deserialize>::deserialize(from)?;
                    Self::from_name(&word)
                        .ok_or_else(|| ::serde::de::Error::unknown_variant(&word, &Self::NAMES))
                }
            }
        )+
    };
}

/// An enum of [`words!`] as a number in the store: its place from 1, so that its variants are append
/// only. 0 stands for none.
#[macro_export]
macro_rules! stored_by_place {
    ($($kind:ident),+) => {
        $(
            impl $kind {
                /// Its number in the store; 0 stands for none.
                #[must_use]
                pub fn number(self) -> u8 {
                    let place = Self::ALL.iter().position(|one| *one == self);
                    place
                        .and_then(|n| u8::try_from(n + 1).ok())
                        .unwrap_or_default()
                }

                /// The variant of that number.
                #[must_use]
                pub fn from_number(number: u8) -> Option<Self> {
                    let place = usize::from(number).checked_sub(1)?;
                    Self::ALL.get(place).copied()
                }
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    words! {
        /// A colour.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        enum Colour {
            #[default]
            Red = "red",
            DarkBlue = "dark_blue",
        }
    }
    serde_by_word!(Colour);

    #[test]
    fn every_variant_has_its_word_everywhere() {
        assert_eq!(Colour::ALL, [Colour::Red, Colour::DarkBlue]);
        for (colour, word) in Colour::ALL.into_iter().zip(Colour::NAMES) {
            assert_eq!(colour.name(), word);
            assert_eq!(Colour::from_name(word), Some(colour));
            let json = serde_json::to_string(&colour).unwrap();
            assert_eq!(json, format!("\"{word}\""));
            assert_eq!(serde_json::from_str::<Colour>(&json).unwrap(), colour);
        }
        assert_eq!(Colour::from_name("DarkBlue"), None);
        assert_eq!(
            serde_json::from_str::<Colour>("\"green\"")
                .unwrap_err()
                .to_string(),
            "unknown variant `green`, expected `red` or `dark_blue`"
        );
    }
}
