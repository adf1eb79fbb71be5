//! Parses tokens into a tree, by precedence climbing; depth is bounded.

use std::collections::BTreeSet;

use super::lex::{Token, lex};
use super::{ExprError, MAX_DEPTH, Span, Value};

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub kind: ExprKind,
    pub span: Span,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum ExprKind {
    Literal(Value),
    List(Vec<Node>),
    Name(String),
    Field(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Op, Box<Node>, Box<Node>),
    Choice(Box<Node>, Box<Node>, Box<Node>),
    /// A function, or a method with its receiver as the first argument.
    Call(String, Vec<Node>),
}

/// Collects the paths an expression reads; see [`super::Expr::paths`].
pub(super) fn paths(node: &Node, found: &mut BTreeSet<Vec<String>>) {
    if let Some(path) = path(node) {
        found.insert(path);
        return;
    }
    match &node.kind {
        ExprKind::Literal(_) | ExprKind::Name(_) => {}
        ExprKind::List(nodes) | ExprKind::Call(_, nodes) => {
            for node in nodes {
                paths(node, found);
            }
        }
        ExprKind::Field(a, _) | ExprKind::Not(a) | ExprKind::Negate(a) => paths(a, found),
        ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) => {
            for node in [a, b] {
                paths(node, found);
            }
        }
        ExprKind::Choice(a, b, c) => [a, b, c].into_iter().for_each(|n| paths(n, found)),
    }
}

/// A name and the fields taken of it, where all of them are known.
fn path(node: &Node) -> Option<Vec<String>> {
    let (of, field) = match &node.kind {
        ExprKind::Name(name) => return Some(vec![name.clone()]),
        ExprKind::Field(of, field) => (of, field),
        ExprKind::Index(of, index) => match &index.kind {
            ExprKind::Literal(Value::Text(field)) => (of, field),
            _ => return None,
        },
        _ => return None,
    };
    let mut path = path(of)?;
    path.push(field.clone());
    Some(path)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    In,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl Op {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::In => "in",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
        }
    }

    /// Binds tighter the higher.
    const fn power(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge | Self::In => 3,
            Self::Add | Self::Sub => 4,
            Self::Mul | Self::Div | Self::Rem => 5,
        }
    }

    fn of(token: &Token) -> Option<Self> {
        const ALL: [Op; 14] = [
            Op::Or,
            Op::And,
            Op::Eq,
            Op::Ne,
            Op::Lt,
            Op::Le,
            Op::Gt,
            Op::Ge,
            Op::In,
            Op::Add,
            Op::Sub,
            Op::Mul,
            Op::Div,
            Op::Rem,
        ];
        let text = match token {
            Token::Op(op) => op,
            Token::Name(name) if name == "in" => "in",
            _ => return None,
        };
        ALL.into_iter().find(|op| op.text() == text)
    }
}

pub(super) fn parse(text: &str) -> Result<Node, ExprError> {
    let tokens = lex(text)?;
    let mut parser = Parser {
        tokens,
        at: 0,
        depth: 0,
        end: text.len(),
    };
    let node = parser.choice()?;
    match parser.tokens.get(parser.at) {
        None => Ok(node),
        Some((_, span)) => Err(ExprError::new("an operator is missing before this", *span)),
    }
}

struct Parser {
    tokens: Vec<(Token, Span)>,
    at: usize,
    depth: usize,
    end: usize,
}

impl Parser {
    fn choice(&mut self) -> Result<Node, ExprError> {
        self.deeper(|p| {
            let condition = p.binary(1)?;
            if !p.eat("?") {
                return Ok(condition);
            }
            let yes = p.choice()?;
            p.expect(":")?;
            let no = p.choice()?;
            let span = (condition.span.0, no.span.1);
            Ok(Node {
                kind: ExprKind::Choice(Box::new(condition), Box::new(yes), Box::new(no)),
                span,
            })
        })
    }

    fn binary(&mut self, least: u8) -> Result<Node, ExprError> {
        let mut left = self.unary()?;
        let mut height = 0;
        while let Some(op) = self
            .tokens
            .get(self.at)
            .and_then(|(t, _)| Op::of(t))
            .filter(|op| op.power() >= least)
        {
            self.at += 1;
            height += 1;
            if height > MAX_LEN_OF_CHAIN {
                return Err(ExprError::new(
                    "too many operators in a row; split the expression",
                    left.span,
                ));
            }
            let right = self.deeper(|p| p.binary(op.power() + 1))?;
            let span = (left.span.0, right.span.1);
            left = Node {
                kind: ExprKind::Binary(op, Box::new(left), Box::new(right)),
                span,
            };
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Node, ExprError> {
        let start = self.here();
        if self.eat("!") {
            let inner = self.deeper(Self::unary)?;
            let span = (start.0, inner.span.1);
            return Ok(Node {
                kind: ExprKind::Not(Box::new(inner)),
                span,
            });
        }
        if self.eat("-") {
            let inner = self.deeper(Self::unary)?;
            let span = (start.0, inner.span.1);
            return Ok(Node {
                kind: ExprKind::Negate(Box::new(inner)),
                span,
            });
        }
        self.postfix()
    }

    fn postfix(&mut self) -> Result<Node, ExprError> {
        let mut node = self.primary()?;
        let mut links = 0;
        loop {
            links += 1;
            if links > MAX_DEPTH {
                return Err(ExprError::new(
                    format!("a path longer than {MAX_DEPTH} parts"),
                    node.span,
                ));
            }
            if self.eat(".") {
                node = self.member(node)?;
            } else if self.eat("[") {
                let index = self.choice()?;
                let end = self.expect("]")?;
                let span = (node.span.0, end.1);
                node = Node {
                    kind: ExprKind::Index(Box::new(node), Box::new(index)),
                    span,
                };
            } else {
                return Ok(node);
            }
        }
    }

    fn member(&mut self, receiver: Node) -> Result<Node, ExprError> {
        let place = self.here();
        let Some((Token::Name(name), span)) = self.next() else {
            return Err(ExprError::new(
                "a field name is missing after the dot",
                place,
            ));
        };
        if !self.eat("(") {
            let whole = (receiver.span.0, span.1);
            return Ok(Node {
                kind: ExprKind::Field(Box::new(receiver), name),
                span: whole,
            });
        }
        let start = receiver.span.0;
        let mut arguments = vec![receiver];
        let end = self.arguments(")", &mut arguments)?;
        Ok(Node {
            kind: ExprKind::Call(name, arguments),
            span: (start, end.1),
        })
    }

    fn primary(&mut self) -> Result<Node, ExprError> {
        let place = self.here();
        let Some((token, span)) = self.next() else {
            return Err(ExprError::new("something is missing here", place));
        };
        let kind = match token {
            Token::Int(n) => ExprKind::Literal(Value::Int(n)),
            Token::Double(n) => ExprKind::Literal(Value::Double(n)),
            Token::Text(t) => ExprKind::Literal(Value::Text(t)),
            Token::Name(name) => return self.named(name, span),
            Token::Op("(") => {
                let inner = self.choice()?;
                let end = self.expect(")")?;
                return Ok(Node {
                    span: (span.0, end.1),
                    ..inner
                });
            }
            Token::Op("[") => {
                let mut items = Vec::new();
                let end = self.arguments("]", &mut items)?;
                return Ok(Node {
                    kind: ExprKind::List(items),
                    span: (span.0, end.1),
                });
            }
            Token::Op(op) => {
                return Err(ExprError::new(
                    format!("a value is missing before {op}"),
                    span,
                ));
            }
        };
        Ok(Node { kind, span })
    }

    fn named(&mut self, name: String, span: Span) -> Result<Node, ExprError> {
        let kind = match name.as_str() {
            "true" => ExprKind::Literal(Value::Bool(true)),
            "false" => ExprKind::Literal(Value::Bool(false)),
            "null" => ExprKind::Literal(Value::Null),
            "in" => return Err(ExprError::new("a value is missing before in", span)),
            _ if self.eat("(") => {
                let mut arguments = Vec::new();
                let end = self.arguments(")", &mut arguments)?;
                return Ok(Node {
                    kind: ExprKind::Call(name, arguments),
                    span: (span.0, end.1),
                });
            }
            _ => ExprKind::Name(name),
        };
        Ok(Node { kind, span })
    }

    /// Comma-separated expressions up to `close`; returns its place.
    fn arguments(&mut self, close: &'static str, into: &mut Vec<Node>) -> Result<Span, ExprError> {
        let place = self.here();
        if self.eat(close) {
            return Ok(place);
        }
        loop {
            into.push(self.choice()?);
            let place = self.here();
            if self.eat(close) {
                return Ok(place);
            }
            if !self.eat(",") {
                return Err(ExprError::new(
                    format!("`,` or `{close}` is missing here"),
                    place,
                ));
            }
        }
    }

    fn deeper<T>(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<T, ExprError>,
    ) -> Result<T, ExprError> {
        if self.depth >= MAX_DEPTH {
            return Err(ExprError::new(
                format!("nested deeper than {MAX_DEPTH}; split the expression"),
                self.here(),
            ));
        }
        self.depth += 1;
        let result = inner(self);
        self.depth -= 1;
        result
    }

    fn eat(&mut self, op: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some((Token::Op(o), _)) if *o == op);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, op: &'static str) -> Result<Span, ExprError> {
        let place = self.here();
        if self.eat(op) {
            Ok(place)
        } else {
            Err(ExprError::new(format!("`{op}` is missing here"), place))
        }
    }

    fn next(&mut self) -> Option<(Token, Span)> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token
    }

    fn here(&self) -> Span {
        self.tokens
            .get(self.at)
            .map_or((self.end, self.end), |(_, span)| *span)
    }
}

/// `a && b && …`: a chain is a left-leaning tree as deep as it is long, and trees are walked
/// recursively.
const MAX_LEN_OF_CHAIN: usize = 256;
