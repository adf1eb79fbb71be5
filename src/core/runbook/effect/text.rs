//! Programs of `sed` and `awk`: whether they only print.

use std::iter::Peekable;
use std::str::Chars;

type Rest<'a> = Peekable<Chars<'a>>;

/// Every command of it is one that prints, and none writes a file or runs something.
pub(super) fn sed_only_looks(program: &str) -> bool {
    let mut rest = program.chars().peekable();
    loop {
        while rest
            .next_if(|c| c.is_whitespace() || ";{}".contains(*c))
            .is_some()
        {}
        if rest.peek().is_none() {
            return true;
        }
        if sed_address(&mut rest).is_none() || sed_command(&mut rest).is_none() {
            return false;
        }
    }
}

fn sed_address(rest: &mut Rest<'_>) -> Option<()> {
    while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || " $,!~+{/\\".contains(*c)) {
        match c {
            '/' => {
                skip_to('/', rest)?;
                while rest.next_if(|c| "IM".contains(*c)).is_some() {}
            }
            '\\' => {
                let mark = rest.next()?;
                skip_to(mark, rest)?;
            }
            // `${LINE}p`
            '$' if rest.next_if_eq(&'{').is_some() => skip_to('}', rest)?,
            _ => {}
        }
    }
    Some(())
}

fn sed_command(rest: &mut Rest<'_>) -> Option<()> {
    match rest.next() {
        None => Some(()),
        Some('s') => {
            let mark = rest.next()?;
            skip_to(mark, rest)?;
            skip_to(mark, rest)?;
            while rest
                .next_if(|c| c.is_ascii_digit() || "gpiIM".contains(*c))
                .is_some()
            {}
            sed_end(rest)
        }
        Some('y') => {
            let mark = rest.next()?;
            skip_to(mark, rest)?;
            skip_to(mark, rest)?;
            sed_end(rest)
        }
        // Labels and jumps, and texts that are printed up to the end of their line.
        Some(':' | 'b' | 't' | 'T') => {
            while rest.next_if(|c| " \t".contains(*c)).is_some() {}
            while rest
                .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
                .is_some()
            {}
            sed_end(rest)
        }
        Some('a' | 'i' | 'c') => {
            while let Some(c) = rest.next_if(|c| *c != '\n') {
                if c == '\\' {
                    rest.next();
                }
            }
            Some(())
        }
        Some(
            'p' | 'P' | 'd' | 'D' | 'n' | 'N' | 'h' | 'H' | 'g' | 'G' | 'x' | '=' | 'l' | 'q' | 'Q'
            | '}',
        ) => {
            while rest.next_if(char::is_ascii_digit).is_some() {}
            sed_end(rest)
        }
        _ => None,
    }
}

fn sed_end(rest: &mut Rest<'_>) -> Option<()> {
    while rest.next_if(|c| " \t".contains(*c)).is_some() {}
    matches!(rest.peek(), None | Some(';' | '}' | '\n')).then_some(())
}

/// Behind the next `mark`, which a backslash hides.
fn skip_to(mark: char, rest: &mut Rest<'_>) -> Option<()> {
    loop {
        match rest.next()? {
            c if c == mark => return Some(()),
            '\\' => {
                rest.next()?;
            }
            _ => {}
        }
    }
}

/// It prints to its output and runs nothing.
pub(super) fn awk_only_looks(program: &str) -> bool {
    // The program itself is in a variable.
    let name = program
        .strip_prefix('$')
        .map(|n| n.trim_start_matches('{').trim_end_matches('}'));
    if name.is_some_and(|n| {
        n.starts_with(char::is_alphabetic) && n.chars().all(|c| c.is_alphanumeric() || c == '_')
    }) {
        return false;
    }
    awk(&mut program.chars().peekable()).is_some()
}

fn awk(rest: &mut Rest<'_>) -> Option<()> {
    let (mut word, mut operand) = (String::new(), false);
    let (mut prints, mut depth) = (false, 0_usize);
    while let Some(c) = rest.next() {
        if c.is_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        prints |= ["print", "printf"].contains(&word.as_str());
        if word == "system" {
            return None;
        }
        if !word.is_empty() {
            // `print /x/` has an expression, `a / b` a quotient.
            operand = !["print", "printf", "return", "in"].contains(&word.as_str());
        }
        word.clear();
        match c {
            '"' => skip_to('"', rest)?,
            '/' if !operand => skip_to('/', rest)?,
            '|' if rest.next_if_eq(&'|').is_none() => return None,
            '@' => return None,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '>' if prints && depth == 0 => return None,
            ';' | '}' | '\n' => prints = false,
            _ => {}
        }
        if !c.is_whitespace() {
            operand = ")]\"".contains(c);
        }
    }
    (word != "system").then_some(())
}
