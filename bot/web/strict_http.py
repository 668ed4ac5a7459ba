"""HTTP parser that follows RFC 9112 more strictly than waitress: one length and one host."""

from __future__ import annotations

from waitress.channel import HTTPChannel  # type: ignore[import-untyped]  # waitress has no types
from waitress.parser import HTTPRequestParser, ParsingError  # type: ignore[import-untyped]  # same


class StrictParser(HTTPRequestParser):  # type: ignore[misc]  # same
    """Parser that refuses a request with both Content-Length and Transfer-Encoding.

    It also refuses a request with two hosts, and one of HTTP/1.1 without a host (RFC 9112, 3.2). A proxy that believes the other of the two would see other requests on the connection (RFC 9112,
    6.1 and 11.2). HTTP/1.0 has no Transfer-Encoding, so a request that names one is refused, too.
    """

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the first line and the headers of a request.

        Raises:
            ParsingError: The request names Transfer-Encoding and another length, or not one host.
                waitress then answers 400 and closes the connection.
        """
        super().parse_header(header_plus)
        # of HTTP/1.1 the parser has taken Transfer-Encoding out of the headers
        if "TRANSFER_ENCODING" in self.headers or (
            self.chunked and "CONTENT_LENGTH" in self.headers
        ):
            raise ParsingError("Transfer-Encoding with another length")
        host = self.headers.get("HOST", "" if self.version == "1.0" else None)
        if host is None or ", " in host:  # the parser joins headers of one name
            raise ParsingError("not one host")


class StrictChannel(HTTPChannel):  # type: ignore[misc]  # same
    """Connection whose requests are parsed with :class:`StrictParser`."""

    parser_class = StrictParser
