package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The keys of the requests that carry records, the last version of both that names topics, and the first that is
// flexible, that is, has tagged fields.
const (
	keyProduce      = 0
	keyFetch        = 1
	keyAPIVersions  = 18
	lastNamed       = 12
	flexibleProduce = 9
	flexibleFetch   = 12
)

// A frame is a length of four bytes and that many bytes. Those begin with the request's header: its key, its version, its
// number, and the client's name, whose length has two bytes.
const (
	lengthSize    = 4
	headSize      = lengthSize + 8
	shortestFrame = 10
	longestFrame  = 16 << 20
)

// errFrame is returned for bytes that kfake must not see. Their connection is closed.
var errFrame = errors.New("not a request to the embedded Kafka")

// request is the header of a frame.
type request struct {
	size         int // of what follows the length
	key, version int16
	number       uint32
}

// parseHead reads the length and the header of a frame, headSize bytes, and refuses what would end the process: kfake
// panics over a key that it does not know, and allocates whatever the length says.
func parseHead(head []byte) (request, error) {
	r := request{
		key:     int16(binary.BigEndian.Uint16(head[4:])),
		version: int16(binary.BigEndian.Uint16(head[6:])),
		number:  binary.BigEndian.Uint32(head[8:]),
	}
	size := binary.BigEndian.Uint32(head)
	if size < shortestFrame || size > longestFrame {
		return r, fmt.Errorf("%w: a frame of %d bytes", errFrame, size)
	}
	r.size = int(size)
	known := kmsg.RequestForKey(r.key)
	if known == nil {
		return r, fmt.Errorf("%w: the key %d", errFrame, r.key)
	}
	// A client may ask for a version of ApiVersions that does not exist, and is told which do.
	if r.version < 0 || r.version > known.MaxVersion() && r.key != keyAPIVersions {
		return r, fmt.Errorf("%w: version %d of the key %d", errFrame, r.version, r.key)
	}
	return r, nil
}
