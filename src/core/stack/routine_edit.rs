//! Changes of single routines of a stored stack, made by hand instead of with a stack file.

use super::routine::Routine;
use super::service::Stack;

/// What is to become of routines of a stack.
#[derive(Debug, Clone, PartialEq)]
pub enum RoutineEdit {
    Add(Vec<Routine>),
    /// A routine becomes another, which may have another name. It must still be as it was when it was
    /// opened.
    Replace {
        opened: Box<Routine>,
        routine: Box<Routine>,
    },
    Delete(String),
}

impl RoutineEdit {
    /// The stack with the edit in it.
    ///
    /// # Errors
    /// Why it cannot be made: the routine is gone, or a name is taken.
    pub fn of(&self, stack: &Stack) -> Result<Stack, String> {
        let mut routines = stack.routines.clone();
        let place = |name: &str| routines.iter().position(|routine| routine.name == name);
        match self {
            Self::Add(new) => {
                for routine in new {
                    free(&routines, &routine.name)?;
                    routines.push(routine.clone());
                }
            }
            Self::Replace { opened, routine } => {
                let name = &opened.name;
                let at = place(name).ok_or_else(|| missing(stack, name))?;
                if routines[at] != **opened {
                    return Err(format!(
                        "`{name}` was changed by somebody else since it was opened"
                    ));
                }
                if routine.name != *name {
                    free(&routines, &routine.name)?;
                }
                routines[at] = (**routine).clone();
            }
            Self::Delete(name) => {
                let at = place(name).ok_or_else(|| missing(stack, name))?;
                routines.remove(at);
            }
        }
        Ok(Stack {
            routines,
            ..stack.clone()
        })
    }
}

fn free(routines: &[Routine], name: &str) -> Result<(), String> {
    if routines.iter().any(|routine| routine.name == name) {
        return Err(format!(
            "there is a routine `{name}` already; edit that one"
        ));
    }
    Ok(())
}

/// Why a routine cannot be edited: there is none of that name in the stack.
#[must_use]
pub fn missing(stack: &Stack, name: &str) -> String {
    use crate::base::suggest::nearest;
    if name.starts_with("probe ") {
        return format!(
            "`{name}` is the probe of a service: it is changed with the probe action of the service, \
             in a stack file"
        );
    }
    let names: Vec<&str> = stack.routines.iter().map(|r| r.name.as_str()).collect();
    let hint = match nearest(name, &names) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => String::new(),
    };
    format!("there is no routine `{name}` in the stack{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routine(name: &str, every_ms: i64) -> Routine {
        Routine {
            name: name.to_owned(),
            every_ms: Some(every_ms),
            ..Routine::default()
        }
    }

    fn stack() -> Stack {
        Stack {
            routines: vec![routine("a", 1), routine("b", 1), routine("c", 1)],
            ..Stack::default()
        }
    }

    fn names(edit: &RoutineEdit) -> Result<String, String> {
        let stack = edit.of(&stack())?;
        let names: Vec<&str> = stack.routines.iter().map(|r| r.name.as_str()).collect();
        Ok(names.join(" "))
    }

    #[test]
    fn an_edited_routine_keeps_its_place() {
        let replace = |name: &str, new: &str| RoutineEdit::Replace {
            opened: Box::new(routine(name, 1)),
            routine: Box::new(routine(new, 2)),
        };
        for (edit, wanted) in [
            (
                RoutineEdit::Add(vec![routine("d", 1), routine("e", 1)]),
                "a b c d e",
            ),
            (replace("b", "b"), "a b c"),
            (replace("b", "x"), "a x c"),
            (RoutineEdit::Delete("b".to_owned()), "a c"),
        ] {
            assert_eq!(names(&edit).as_deref(), Ok(wanted), "{edit:?}");
        }
        assert_eq!(
            replace("b", "b").of(&stack()).unwrap().routines[1].every_ms,
            Some(2)
        );
    }

    #[test]
    fn what_is_taken_or_gone_is_refused() {
        let replace = |name: &str, new: &str| RoutineEdit::Replace {
            opened: Box::new(routine(name, 1)),
            routine: Box::new(routine(new, 2)),
        };
        for (edit, wanted) in [
            (
                RoutineEdit::Add(vec![routine("a", 1)]),
                "there is a routine `a` already",
            ),
            (
                RoutineEdit::Add(vec![routine("d", 1), routine("d", 1)]),
                "there is a routine `d` already",
            ),
            (replace("b", "c"), "there is a routine `c` already"),
            (
                RoutineEdit::Replace {
                    opened: Box::new(routine("a", 3)),
                    routine: Box::new(routine("a", 2)),
                },
                "`a` was changed by somebody else",
            ),
            (replace("z", "z"), "there is no routine `z` in the stack"),
            (
                RoutineEdit::Delete("probe web in prod".to_owned()),
                "`probe web in prod` is the probe",
            ),
        ] {
            let why = names(&edit).unwrap_err();
            assert!(why.starts_with(wanted), "{why}");
        }
    }
}
