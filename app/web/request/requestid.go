package request

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/labstack/echo/v4"
)

const headerRequestID = "X-Request-Id"

// requestID is the id that a request was given.
func requestID(c echo.Context) string { return c.Response().Header().Get(headerRequestID) }

// requestIDs makes ids that are unique within a process and among processes. Clients see them, so they say nothing about
// the machine or the process.
type requestIDs struct {
	prefix string
	last   atomic.Uint64
	blocks sync.Pool
}

func newRequestIDs() *requestIDs {
	b := make([]byte, 6)
	_, _ = rand.Read(b) // it never fails
	return &requestIDs{prefix: hex.EncodeToString(b) + "-"}
}

// idBlock is how many ids are made at once. They share one allocation for the texts and one for the fields.
const idBlock = 32

// block has ids that are not used yet. Each processor has its own block, so ids are in order only within a block.
type block struct {
	fields [idBlock]string
	used   int
}

// next is a new id as the values of a field.
func (g *requestIDs) next() []string {
	b, ok := g.blocks.Get().(*block)
	if !ok {
		b = g.make()
	}
	id := b.fields[b.used : b.used+1 : b.used+1]
	if b.used++; b.used < idBlock {
		g.blocks.Put(b)
	}
	return id
}

func (g *requestIDs) make() *block {
	b := &block{}
	first := g.last.Add(idBlock) - idBlock + 1
	text := make([]byte, 0, idBlock*(len(g.prefix)+8))
	var ends [idBlock]int
	for i := range ends {
		text = strconv.AppendUint(append(text, g.prefix...), first+uint64(i), 36)
		ends[i] = len(text)
	}
	all, from := string(text), 0
	for i, end := range ends {
		b.fields[i], from = all[from:end], end
	}
	return b
}

// validID reports whether a client's id may be put into a header field and a log line unchanged.
func validID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		b := id[i]
		letter := b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
		if !letter && b != '-' && b != '_' && b != '.' {
			return false
		}
	}
	return true
}

// identify takes a valid request id from the client, or makes one, and sends it back.
func (g *requestIDs) identify(r *http.Request, h http.Header) {
	if v := r.Header[headerRequestID]; len(v) == 1 && validID(v[0]) {
		h[headerRequestID] = v[:1:1]
		return
	}
	h[headerRequestID] = g.next()
}
