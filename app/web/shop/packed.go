package shop

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"flashsale/static"
)

// packed is a page ready to be sent: pieces, between which the visitor's name stands, and the same pieces compressed. It never changes.
//
// A piece ends at a byte of the compressed stream, and the name goes between two of them as a block that is not compressed. So a page
// with a name in it costs no compressing, and no secret of a visitor ever shares a compressor with what somebody else may choose.
type packed struct {
	plain [][]byte
	small [][]byte // blocks of DEFLATE, the last of them marked so
	ready []byte   // the compressed page, when it has no place for a name
	tag   string   // of the pieces
}

// pack takes a page apart at a mark, and compresses it.
func pack(page []byte, mark string) *packed {
	sum := sha256.Sum256(page)
	p := &packed{plain: bytes.Split(page, []byte(mark)), tag: hex.EncodeToString(sum[:8])}
	for i, piece := range p.plain {
		p.small = append(p.small, deflated(piece, i == len(p.plain)-1))
	}
	if len(p.plain) == 1 {
		p.ready = p.gzip("")
	}
	return p
}

// deflated is a piece in blocks of DEFLATE that end at a byte.
func deflated(piece []byte, last bool) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, flate.BestCompression) // the level is one of flate's
	_, _ = w.Write(piece)                                // memory takes everything
	if last {
		_ = w.Close()
	} else {
		_ = w.Flush()
	}
	return out.Bytes()
}

// serve answers with the page, with the name where it belongs, or with 304.
func (p *packed) serve(c echo.Context, name string) error {
	r, h := c.Request(), c.Response().Header()
	small := static.TakesGzip(r.Header.Get("Accept-Encoding"))
	tag := p.entityTag(name, small)
	h.Set("ETag", tag)
	if static.Matches(r.Header.Get("If-None-Match"), tag) {
		return c.NoContent(http.StatusNotModified)
	}
	var body []byte
	if small {
		h.Set(echo.HeaderContentEncoding, "gzip")
		body = p.gzip(name)
	} else {
		body = p.whole(name)
	}
	h.Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
	return c.HTMLBlob(http.StatusOK, body)
}

// entityTag is another one for each name and each encoding.
func (p *packed) entityTag(name string, small bool) string {
	tag := p.tag
	if name != "" {
		sum := sha256.Sum256([]byte(p.tag + " " + name))
		tag = hex.EncodeToString(sum[:8])
	}
	if small {
		tag += "-gz"
	}
	return `"` + tag + `"`
}

func (p *packed) whole(name string) []byte {
	if len(p.plain) == 1 {
		return p.plain[0]
	}
	return bytes.Join(p.plain, []byte(name))
}

// gzip is the page in the format of RFC 1952. A name is far shorter than a block that is not compressed may be (RFC 1951, 3.2.4).
func (p *packed) gzip(name string) []byte {
	if p.ready != nil {
		return p.ready
	}
	between := []byte(name)
	out := append(make([]byte, 0, 8<<10), 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255)
	sum, size := crc32.NewIEEE(), 0
	for i, piece := range p.plain {
		if i > 0 && len(between) > 0 {
			out = append(out, 0)
			out = binary.LittleEndian.AppendUint16(out, uint16(len(between)))
			out = binary.LittleEndian.AppendUint16(out, ^uint16(len(between)))
			out = append(out, between...)
			_, _ = sum.Write(between)
			size += len(between)
		}
		out = append(out, p.small[i]...)
		_, _ = sum.Write(piece)
		size += len(piece)
	}
	out = binary.LittleEndian.AppendUint32(out, sum.Sum32())
	return binary.LittleEndian.AppendUint32(out, uint32(size))
}
