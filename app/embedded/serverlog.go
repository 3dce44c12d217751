package embedded

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// longestLog is the size from which on a log is renamed at the next start; the log that was renamed before is lost
// then.
const longestLog = 8 << 20

// serverLog is the file that the server and its guardian print to.
type serverLog struct {
	*os.File
	began int64 // where this run's lines begin
}

// openServerLog opens the file, and renames a long one of earlier runs first.
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
