package shop

import (
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"net/http"
	"slices"
	"strconv"
	"sync"

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
	// sums are the checksums of the pieces, and past is what each piece does to the checksum of what stands before it: the page with a
	// name in it is never summed up as a whole.
	sums []uint32
	past []shift
	// buffers are those in which pages with a name were put together.
	buffers sync.Pool
}

// pack takes a page apart at a mark, and compresses it.
func pack(page []byte, mark string) *packed {
	sum := sha256.Sum256(page)
	p := &packed{plain: bytes.Split(page, []byte(mark)), tag: hex.EncodeToString(sum[:8])}
	for i, piece := range p.plain {
		p.small = append(p.small, deflated(piece, i == len(p.plain)-1))
		p.sums, p.past = append(p.sums, crc32.ChecksumIEEE(piece)), append(p.past, zeros(len(piece)))
	}
	if len(p.plain) == 1 {
		p.ready = p.gzip(nil, "")
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
	if !small {
		return sendWhole(c, p.whole(name))
	}
	h.Set(echo.HeaderContentEncoding, "gzip")
	if p.ready != nil {
		return sendWhole(c, p.ready)
	}
	room, _ := p.buffers.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	*room = p.gzip((*room)[:0], name)
	err := sendWhole(c, *room)
	if err == nil {
		// After an error HTTP/2 may still be writing it, and another visitor's name must not get there.
		p.buffers.Put(room)
	}
	return err
}

func sendWhole(c echo.Context, body []byte) error {
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(body)))
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

// gzip appends the page in the format of RFC 1952. A name is far shorter than a block that is not compressed may be (RFC 1951, 3.2.4).
func (p *packed) gzip(out []byte, name string) []byte {
	between := []byte(name)
	out = slices.Grow(out, p.sizeWith(between))
	out = append(out, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255)
	sum, size := uint32(0), 0
	for i, piece := range p.plain {
		if i > 0 && len(between) > 0 {
			out = append(out, 0)
			out = binary.LittleEndian.AppendUint16(out, uint16(len(between)))
			out = binary.LittleEndian.AppendUint16(out, ^uint16(len(between)))
			out = append(out, between...)
			sum = crc32.Update(sum, crc32.IEEETable, between)
			size += len(between)
		}
		out = append(out, p.small[i]...)
		sum = p.past[i].of(sum) ^ p.sums[i]
		size += len(piece)
	}
	out = binary.LittleEndian.AppendUint32(out, sum)
	return binary.LittleEndian.AppendUint32(out, uint32(size))
}

// sizeWith is how many bytes the compressed page has with that name in it.
func (p *packed) sizeWith(name []byte) int {
	const frame, block = 18, 5 // of the format, and of a name between two pieces
	size := frame + (len(p.small)-1)*(block+len(name))
	for _, piece := range p.small {
		size += len(piece)
	}
	return size
}

// shift is what so many bytes that follow do to a CRC-32: a matrix over GF(2), a column for each bit, as in zlib's crc32_combine.
type shift [32]uint32

func (s *shift) of(sum uint32) (after uint32) {
	for i := 0; sum != 0; i, sum = i+1, sum>>1 {
		if sum&1 == 1 {
			after ^= s[i]
		}
	}
	return after
}

// then is the one and after it the other.
func (s *shift) then(other *shift) (both shift) {
	for i, column := range s {
		both[i] = other.of(column)
	}
	return both
}

// zeros is the shift of n bytes. The checksum of two pieces is that of the first, shifted by the length of the second, XOR that of the
// second.
func zeros(n int) shift {
	bit, none := shift{crc32.IEEE}, shift{1}
	for i := 1; i < len(bit); i++ {
		bit[i], none[i] = 1<<(i-1), 1<<i
	}
	two := bit.then(&bit)
	four := two.then(&two)
	power, all := four.then(&four), none
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			all = all.then(&power)
		}
		power = power.then(&power)
	}
	return all
}
