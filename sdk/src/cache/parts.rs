//! What the `{}` of a key's pattern stand for.

use crate::Id;

/// One part of a key.
pub trait Part {
    /// Appends it to the key.
    fn write(&self, key: &mut String);
}

/// The parts of a key in the pattern's order: one, a tuple of up to three, or `()` for a pattern without any.
pub trait Parts {
    /// Appends the part with this index, if there is one.
    fn write(&self, index: usize, key: &mut String);
}

impl Part for str {
    fn write(&self, key: &mut String) {
        key.push_str(self);
    }
}

impl Part for String {
    fn write(&self, key: &mut String) {
        key.push_str(self);
    }
}

macro_rules! displayed {
    ($($type:ty)*) => {$(
        impl Part for $type {
            fn write(&self, key: &mut String) {
                key.push_str(&self.to_string());
            }
        }
    )*};
}
displayed!(Id u32 u64 i32 i64 usize);

impl<P: Part + ?Sized> Part for &P {
    fn write(&self, key: &mut String) {
        (**self).write(key);
    }
}

impl<P: Part> Parts for P {
    fn write(&self, index: usize, key: &mut String) {
        if index == 0 {
            Part::write(self, key);
        }
    }
}

impl Parts for () {
    fn write(&self, _: usize, _: &mut String) {}
}

impl<A: Part, B: Part> Parts for (A, B) {
    fn write(&self, index: usize, key: &mut String) {
        match index {
            0 => self.0.write(key),
            1 => self.1.write(key),
            _ => {}
        }
    }
}

impl<A: Part, B: Part, C: Part> Parts for (A, B, C) {
    fn write(&self, index: usize, key: &mut String) {
        match index {
            0 => self.0.write(key),
            1 => self.1.write(key),
            2 => self.2.write(key),
            _ => {}
        }
    }
}

/// The pattern with its parts put in.
pub(super) fn name(pattern: &str, parts: &impl Parts) -> String {
    let mut name = String::with_capacity(pattern.len() + 48);
    for (index, literal) in pattern.split("{}").enumerate() {
        if index > 0 {
            parts.write(index - 1, &mut name);
        }
        name.push_str(literal);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stand_where_the_pattern_has_them() {
        assert_eq!(name("session:{}", &"abc"), "session:abc");
        assert_eq!(name("user:{}:last_seen", &7_u64), "user:7:last_seen");
        assert_eq!(name("messages:{}:{}", &("a", String::from("b"))), "messages:a:b");
        assert_eq!(name("all", &()), "all");
    }
}
