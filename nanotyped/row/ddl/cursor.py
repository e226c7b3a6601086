"""``Cursor``: what every part of a CREATE TABLE is read with: tokens, and a place among them."""

from __future__ import annotations

from collections.abc import Sequence

from nanotyped.errors import TypeSyntaxError, nearest_hint
from nanotyped.types.sql_tokens import Kind, Token


class Cursor:
    """A place among the tokens of one statement, or of one definition in it.

    Attributes:
        text: The statement; positions point into it.
        tokens: The tokens, the last of kind ``end``.
        index: The next one.
    """

    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.index = 0

    @property
    def token(self) -> Token:
        """The next token; that of kind ``end`` where there is none."""
        return self.tokens[self.index]

    def error(self, reason: str, token: Token | None = None) -> TypeSyntaxError:
        """Return the error that says what is wrong at a token, by default the next one."""
        return TypeSyntaxError(self.text, (token or self.token).position, reason)

    def unexpected(self, known: Sequence[str] = ()) -> TypeSyntaxError:
        """Return the error for a next token that nobody expects, with the nearest of the words that are known."""
        if self.is_done():
            return self.error("something is missing here")
        hint = nearest_hint(self.token.text, known) if self.token.kind == "word" else ""
        return self.error(f"unexpected {self.shown()}{f' ({hint})' if hint else ''}")

    def is_done(self) -> bool:
        """Return whether there is no next token."""
        return self.tokens[self.index].kind == "end"

    def shown(self) -> str:
        """Return the next token as it was written."""
        written = self.text[self.token.position : self.token.end]
        return written if self.token.kind == "name" else f"`{written}`"

    def take(self, kind: Kind, text: str | None = None) -> Token | None:
        """Return the next token and pass it, if it is of this kind (and text)."""
        token = self.token
        if token.kind != kind or (text is not None and token.text != text):
            return None
        self.index += 1
        return token

    def is_next(self, *words: str) -> bool:
        """Return whether these words come next, in this order."""
        ahead = self.tokens[self.index : self.index + len(words)]
        return [(token.kind, token.text) for token in ahead] == [("word", word) for word in words]

    def take_words(self, *words: str) -> bool:
        """Pass these words, if they come next, in this order."""
        if not self.is_next(*words):
            return False
        self.index += len(words)
        return True

    def expect(self, *choices: str) -> str:
        """Pass the next word, which must be one of these, and return it."""
        for word in choices:
            if self.take("word", word):
                return word
        wanted = " or ".join(f"`{word}`" for word in choices)
        raise self.error(f"expected {wanted}{f', not {self.shown()}' if not self.is_done() else ''}")

    def expect_mark(self, mark: str) -> Token:
        """Pass the next token, which must be this mark."""
        token = self.take("mark", mark)
        if token is None:
            raise self.error(f"expected `{mark}`{f', not {self.shown()}' if not self.is_done() else ''}")
        return token

    def expect_text(self, what: str) -> Token:
        """Pass a quoted text, in as many pieces as it has, and return the first of them."""
        first = self.take("text")
        if first is None:
            raise self.error(f"expected {what} in quotes")
        while self.take("text"):
            pass
        return first

    def expect_end(self, known: Sequence[str] = ()) -> None:
        """Refuse whatever is left."""
        if not self.is_done():
            raise self.unexpected(known)

    def name(self, what: str) -> Token:
        """Pass a name, bare or in quotes of any kind, and return it as it was meant."""
        token = self.token
        written = self.text[token.position : token.end]
        match token.kind:
            case "name":
                name = token.text
            case "word":
                name = written
            case "number" if not written.isdigit() and "." not in written:
                name = written
            case "text" if written[0] == '"':  # with ANSI_QUOTES; a backslash is a letter of a name
                name = written[1:-1].replace('""', '"')
            case _:
                raise self.error(f"expected the name of {what}")
        if not name:
            raise self.error(f"the name of {what} is empty")
        self.index += 1
        return Token("name", name, token.position, token.end)

    def qualified_name(self, what: str) -> tuple[str | None, Token]:
        """Pass a name, perhaps behind that of a database, and return both."""
        first = self.name(what)
        if not self.take("mark", "."):
            return None, first
        return first.text, self.name(what)

    def parenthesised(self) -> Sequence[Token] | None:
        """Pass what stands in parentheses, whatever it is, and return it; ``None`` where there are none."""
        opened = self.take("mark", "(")
        if opened is None:
            return None
        start, depth = self.index, 1
        while depth:
            token = self.token
            if token.kind == "end":
                raise self.error("a parenthesis is not closed", opened)
            if token.kind == "mark":
                depth += (token.text == "(") - (token.text == ")")
            self.index += 1
        return self.tokens[start : self.index - 1]

    def expect_parenthesised(self) -> Sequence[Token]:
        """Pass what must stand in parentheses, and return it."""
        found = self.parenthesised()
        if found is None:
            raise self.error("expected `(`")
        return found

    def value(self) -> Token:
        """Pass one value of an option, behind ``=`` or not, and return it."""
        self.take("mark", "=")
        token = self.token
        if token.kind in ("end", "mark"):
            raise self.error("expected a value")
        self.index += 1
        return token

    def definitions(self) -> tuple[list[Cursor], Token]:
        """Pass a list in parentheses and return a cursor for each of what the commas part, and the closing one."""
        opened = self.expect_mark("(")
        found: list[Cursor] = []
        start, depth = self.index, 1
        while depth:
            token = self.token
            if token.kind == "end":
                raise self.error("a parenthesis is not closed", opened)
            if token.kind == "mark":
                depth += (token.text == "(") - (token.text == ")")
                if depth == 0 or (depth == 1 and token.text == ","):
                    found.append(self._part(start, self.index))
                    start = self.index + 1
            self.index += 1
        return found, self.tokens[self.index - 1]

    def parts(self) -> list[Cursor]:
        """Pass all that is left and return a cursor for each of what the commas part."""
        found: list[Cursor] = []
        start, depth = self.index, 0
        while not self.is_done():
            token = self.token
            if token.kind == "mark":
                depth += (token.text == "(") - (token.text == ")")
                if depth == 0 and token.text == ",":
                    found.append(self._part(start, self.index))
                    start = self.index + 1
            self.index += 1
        return [*found, self._part(start, self.index)]

    def _part(self, start: int, end: int) -> Cursor:
        position = self.tokens[end].position
        return Cursor(self.text, [*self.tokens[start:end], Token("end", "", position, position)])
