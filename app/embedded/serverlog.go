package embedded

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// longestLog is when a log is put aside; the one before it is given up then.
const longestLog = 8 << 20

// serverLog is the file that the server and its guardian print to.
type serverLog struct {
	*os.File
	began int64 // where this run's lines begin
}

// openServerLog opens the file, putting a long one of earlier runs aside.
func openServerLog(path string) (*serverLog, error) {
	if info, err := os.Stat(path); err == nil && info.Size() > longestLog {
		if err := os.Rename(path, path+".old"); err != nil {
			return nil, fmt.Errorf("put the PostgreSQL log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the PostgreSQL log: %w", err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, fmt.Errorf("open the PostgreSQL log: %w", err)
	}
	return &serverLog{File: f, began: end}, nil
}

// tail is the last lines of this run, as far as they can be read.
func (l *serverLog) tail() string {
	const lines, longest = 8, 16 << 10
	info, err := l.Stat()
	if err != nil {
		return ""
	}
	from := max(l.began, info.Size()-longest)
	b, err := io.ReadAll(io.NewSectionReader(l, from, info.Size()-from))
	if err != nil {
		return ""
	}
	all := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
