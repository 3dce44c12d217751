package kafka

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// frame is a request's bytes: its length, its header with a client that has no name, and its body.
func frame(size uint32, key, version int16, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, size)
	b = binary.BigEndian.AppendUint16(b, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	return append(append(b, 0, 0, 0, 7, 0xff, 0xff), body...)
}

func TestOnlyRequestsPass(t *testing.T) {
	t.Parallel()
	newest := (&kmsg.MetadataRequest{}).MaxVersion()
	for name, c := range map[string]struct {
		frame []byte
		pass  bool
	}{
		"the shortest":                  {frame(10, 3, 1), true},
		"the longest":                   {frame(longestFrame, 3, 1), true},
		"one byte too short":            {frame(9, 3, 1), false},
		"one byte too long":             {frame(longestFrame+1, 3, 1), false},
		"2 GiB":                         {frame(1<<31-1, 3, 1), false},
		"a negative length":             {frame(1<<32-1, 3, 1), false},
		"nothing":                       {frame(0, 3, 1), false},
		"an unknown key":                {frame(10, 9999, 0), false},
		"a negative key":                {frame(10, -1, 0), false},
		"the newest version":            {frame(10, 3, newest), true},
		"a version that does not exist": {frame(10, 3, newest+1), false},
		"a negative version":            {frame(10, 3, -1), false},
		"any version of the question of versions": {frame(10, keyAPIVersions, 1<<15-1), true},
		"but a negative one":                      {frame(10, keyAPIVersions, -1), false},
		"a web page":                              {[]byte("POST / HTTP/1.1\r\n\r\n"), false},
		"a command to Redis":                      {[]byte("*1\r\n$4\r\nPING\r\n"), false},
		"the start of TLS":                        {[]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00"), false},
	} {
		r, err := parseHead(c.frame[:headSize])
		if (err == nil) != c.pass || (err != nil && !errors.Is(err, errFrame)) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// sent gives the bytes in pieces, as a network does, and then ends.
type sent struct {
	net.Conn
	rest  []byte
	piece int
}

func (s *sent) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), s.piece)], s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// kfakeReads reads as kfake does: a length, room for all that it announces, and that. It fails the test where kfake would
// end the process.
func kfakeReads(t *testing.T, r io.Reader) (read []byte) {
	t.Helper()
	for {
		var length [4]byte
		if _, err := io.ReadFull(r, length[:]); err != nil {
			return read
		}
		size := binary.BigEndian.Uint32(length[:])
		if size > longestFrame {
			t.Fatalf("a length of %d passed", size)
		}
		body := make([]byte, size)
		_, err := io.ReadFull(r, body)
		if len(body) < shortestFrame || kmsg.RequestForKey(int16(binary.BigEndian.Uint16(body))) == nil {
			t.Fatalf("the request %x passed", body)
		}
		if err != nil {
			return read
		}
		read = append(append(read, length[:]...), body...)
	}
}

// FuzzFrames: whatever comes, and in whichever pieces, kfake reads whole requests that it knows, unchanged, and nothing
// behind the first bytes that are none. The two ways to the broker let the same through.
func FuzzFrames(f *testing.F) {
	good := frame(14, 3, 1, 1, 2, 3, 4)
	for _, seed := range [][]byte{
		good, append(bytes.Clone(good), good...), append(bytes.Clone(good), 0, 0, 0, 1), frame(10, 9999, 0), frame(1<<31, 3, 1),
		[]byte("POST / HTTP/1.1\r\nHost: a\r\n\r\n"), {0, 0, 0, 10}, frame(20, 0, 9, 0), frame(10, keyAPIVersions, 99),
	} {
		f.Add(seed, uint8(3))
	}
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		if len(stream) >= headSize && binary.BigEndian.Uint32(stream) > 1<<20 {
			stream[0] &= 0x80 // long frames say nothing new, and take their time
		}
		each := int(piece)%64 + 1
		inside := kfakeReads(t, newConn(&sent{rest: stream, piece: each}, nil))
		outside := kfakeReads(t, newConn(&wholeFrames{Conn: &sent{rest: stream, piece: each}}, nil))
		if !bytes.Equal(inside, outside) || !bytes.HasPrefix(stream, inside) {
			t.Errorf("of %x the broker reads %x by a pipe and %x by a socket", stream, inside, outside)
		}
	})
}
