package redis

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// A command is an array of strings: "*2\r\n", and each of them as "$3\r\nGET\r\n". These bounds are above all that the
// product sends, and far below what hurts.
const (
	mostStrings    = 1 << 16
	longestString  = 1 << 20
	longestCommand = 16 << 20
	longestHeader  = len("$1048576\r\n")
)

// errCommand is returned for bytes that miniredis must not see. Their connection is closed.
var errCommand = errors.New("not a command to the embedded Redis")

// passCommands copies commands until the connection ends or something else comes. miniredis panics over arrays without
// strings, and allocates whatever a length says.
func passCommands(to io.Writer, from io.Reader) {
	c := commands{bufio.NewReader(from), bufio.NewWriter(to)}
	for c.pass() == nil {
		if c.from.Buffered() > 0 {
			continue // more of the same pipeline
		}
		if c.to.Flush() != nil {
			return
		}
	}
	_ = c.to.Flush() // the whole commands before the one that was refused are at worst answered in vain
}

// commands passes the commands of a connection on, one at a time.
type commands struct {
	from *bufio.Reader
	to   *bufio.Writer
}

func (c commands) pass() error {
	n, err := c.header('*', 1, mostStrings)
	if err != nil {
		return err
	}
	rest := longestCommand
	for range n {
		length, err := c.header('$', 0, min(longestString, rest))
		if err != nil {
			return err
		}
		rest -= length
		if _, err := io.CopyN(c.to, c.from, int64(length)); err != nil {
			return err
		}
		if err := c.lineEnd(); err != nil {
			return err
		}
	}
	return nil
}

// header passes a line such as "*2\r\n" or "$3\r\n" on and returns its number.
func (c commands) header(kind byte, least, most int) (int, error) {
	line, err := c.from.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("*1\r\n") || len(line) > longestHeader || line[0] != kind || line[len(line)-2] != '\r' {
		return 0, fmt.Errorf("%w: a header %.16q", errCommand, line)
	}
	number := line[1 : len(line)-2]
	for _, digit := range number {
		if digit < '0' || digit > '9' { // no sign either
			return 0, fmt.Errorf("%w: a header %.16q", errCommand, line)
		}
	}
	n, err := strconv.Atoi(string(number))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%w: a header %.16q", errCommand, line)
	}
	_, err = c.to.Write(line)
	return n, err
}

// lineEnd passes the end of a string on.
func (c commands) lineEnd() error {
	end, err := c.from.Peek(2)
	if err != nil {
		return err
	}
	if string(end) != "\r\n" {
		return fmt.Errorf("%w: a string that does not end where it says", errCommand)
	}
	_, err = c.to.Write(end)
	_, _ = c.from.Discard(len(end))
	return err
}
