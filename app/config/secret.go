package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// secrets are the variables whose values nobody should see in the environment of a process. Each has a twin NAME_FILE, the path
// of a file with the value, as secret stores leave them.
func secrets() []string {
	return []string{"DATABASE_URL", "DATABASE_REPLICA_URL", "DB_PASSWORD", "REDIS_URL", "KAFKA_SASL", "OPS_TOKEN", "SESSION_KEYS", "SMTP_URL", otlpHeaders}
}

// twin is the variable that names the file of a secret.
func twin(name string) string { return name + "_FILE" }

// longestSecret is far more than a secret takes. What is longer is another file.
const longestSecret = 64 << 10

// secret is the value of a variable that may be in a file. An error names the variable and says nothing of the file's text.
func (r *reader) secret(name string) (string, bool) {
	v, set := r.plain(name)
	path, inFile := r.plain(twin(name))
	switch {
	case !inFile:
		return v, set
	case set:
		r.refuse(twin(name), "set beside "+name, "the only one of the two")
		return v, set
	}
	text, wrong := readSecret(path)
	if wrong != "" {
		r.refuse(twin(name), wrong, "the path of a file that holds the value of "+name+" and nothing else")
		return "", false
	}
	return text, true
}

// readSecret reads the file without the line break at its end, or says what is wrong with it.
func readSecret(path string) (text, wrong string) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", "the path of no file"
	case err != nil:
		return "", "the path of a file that cannot be read"
	case !info.Mode().IsRegular():
		return "", "the path of something that is no file"
	}
	f, err := os.Open(path)
	if err != nil {
		return "", "the path of a file that cannot be read"
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, longestSecret+1))
	text = strings.TrimSuffix(strings.TrimSuffix(string(raw), "\n"), "\r")
	switch {
	case err != nil:
		return "", "the path of a file that cannot be read"
	case len(raw) > longestSecret:
		return "", "the path of a file of more than 64 KiB"
	case strings.TrimSpace(text) == "":
		return "", "the path of an empty file"
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return "", "the path of a file with control characters"
	}
	return text, ""
}

func isSecret(name string) bool { return slices.Contains(secrets(), name) }
