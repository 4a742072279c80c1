//! Classes: `[…]`.

use super::{DIGITS, SPACE, Translator, WORD, lacks};
use crate::capabilities::documents::query::Invalid;

const POSIX: [&str; 14] = [
    "alpha", "digit", "alnum", "upper", "lower", "space", "punct", "xdigit", "word", "cntrl", "print", "graph",
    "blank", "ascii",
];

/// What a class is made of.
enum Member {
    Letter(char),
    /// The same with case and without.
    Set(String),
    /// ASCII letters among others; without case.
    Exact(String),
}

impl Translator<'_> {
    pub(super) fn class(&mut self) -> Result<(), Invalid> {
        let negated = self.eat("^");
        let (mut plain, mut exact) = (String::new(), String::new());
        let mut first = true;
        loop {
            let letter = self.next().ok_or_else(|| Invalid::new("the regular expression leaves a class open"))?;
            if letter == ']' && !first {
                break;
            }
            first = false;
            match self.member(letter)? {
                Member::Letter(from) => {
                    coded(&mut plain, from);
                    if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
                        self.eat("-");
                        plain.push('-');
                        self.range_end(&mut plain, from)?;
                    }
                }
                Member::Set(set) => plain.push_str(&set),
                Member::Exact(set) => exact.push_str(&set),
            }
        }
        let sign = if negated { "^" } else { "" };
        let class = match (self.folds && !exact.is_empty(), plain.is_empty()) {
            (false, _) => format!("[{sign}{plain}{exact}]"),
            (true, true) => format!("(?-i:[{sign}{exact}])"),
            (true, false) if !negated => format!("(?:(?-i:[{exact}])|[{plain}])"),
            (true, false) => {
                return Err(lacks("`\\w`, `\\W` or `[:…:]` beside others in a negated class without case"));
            }
        };
        self.push(&class);
        Ok(())
    }

    fn range_end(&mut self, plain: &mut String, from: char) -> Result<(), Invalid> {
        let letter = self.next().ok_or_else(|| Invalid::new("the regular expression leaves a class open"))?;
        match self.member(letter)? {
            Member::Letter(to) if to >= from => coded(plain, to),
            Member::Letter(_) => {
                return Err(Invalid::new("the regular expression has a range that ends before it begins"));
            }
            _ => return Err(lacks("a range up to a class")),
        }
        Ok(())
    }

    fn member(&mut self, letter: char) -> Result<Member, Invalid> {
        match letter {
            '\\' => {
                let letter = self.next().ok_or_else(|| Invalid::new("the regular expression ends with a backslash"))?;
                Ok(match letter {
                    'd' => Member::Set(DIGITS.to_owned()),
                    'D' => Member::Set(format!("[^{DIGITS}]")),
                    's' => Member::Set(SPACE.to_owned()),
                    'S' => Member::Set(format!("[^{SPACE}]")),
                    'w' => Member::Exact(WORD.to_owned()),
                    'W' => Member::Exact(format!("[^{WORD}]")),
                    'b' => Member::Letter('\u{8}'),
                    letter => Member::Letter(self.escaped_letter(letter)?),
                })
            }
            '[' if self.rest.starts_with(['.', '=']) => Err(lacks("`[.` and `[=`")),
            '[' if self.rest.starts_with(':') => match self.rest.get(1..).and_then(|rest| rest.split_once(":]")) {
                Some((name, rest)) if POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) => {
                    self.rest = rest;
                    Ok(Member::Exact(format!("[:{name}:]")))
                }
                _ => Err(lacks("`[:` in a class, but for the known names such as `[:alpha:]`,")),
            },
            letter => Ok(Member::Letter(letter)),
        }
    }
}

fn coded(out: &mut String, letter: char) {
    if letter.is_ascii_alphanumeric() {
        out.push(letter);
    } else {
        out.push_str(&format!("\\x{{{:X}}}", u32::from(letter)));
    }
}
