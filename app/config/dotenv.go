package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/joho/godotenv"
)

// Load reads .env in the working directory (the environment wins) and then the environment.
func Load() (Config, error) {
	file, err := readEnvFile()
	if err != nil {
		return Config{}, err
	}
	c, err := From(func(name string) (string, bool) {
		if v, ok := os.LookupEnv(name); ok {
			return v, true
		}
		v, ok := file[name]
		return v, ok
	})
	if err != nil {
		return Config{}, err
	}
	if wrong := os.Getenv("GOGC"); !validGOGC(wrong) {
		r := reader{}
		r.fail("GOGC", wrong, "a percentage like 400, or off")
		return Config{}, r.err
	}
	c.Warnings = append(c.Warnings, unknownNames(os.Environ(), file)...)
	return c, nil
}

// validGOGC: the Go runtime passes over a GOGC that it does not understand. ("" is not set.)
func validGOGC(v string) bool {
	_, err := strconv.ParseInt(v, 10, 32)
	return v == "" || v == "off" || err == nil
}

// longestEnvFile is far more than settings take. What is longer is another file, and would take long to read.
const longestEnvFile = 128 << 10

// readEnvFile reads .env in the working directory; one that is not there is empty.
func readEnvFile() (map[string]string, error) {
	info, err := os.Stat(".env")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf(".env cannot be read (%w); correct or remove it", err)
	case !info.Mode().IsRegular():
		return nil, errors.New(".env is no file; remove it")
	}
	f, err := os.Open(".env")
	if err != nil {
		return nil, fmt.Errorf(".env cannot be read (%w); correct or remove it", err)
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, longestEnvFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf(".env cannot be read (%w); correct or remove it", err)
	case len(raw) > longestEnvFile:
		return nil, fmt.Errorf(".env is no file of settings: it has more than %d KiB; correct or remove it", longestEnvFile>>10)
	}
	return envFile(string(raw))
}

// envFile reads the text of a .env file. The library's error quotes the rest of the file, passwords and all, so it is
// left out and the line is named instead.
func envFile(text string) (map[string]string, error) {
	text = strings.TrimPrefix(text, "\ufeff") // some editors begin a file so
	vars, err := godotenv.Unmarshal(text)
	if err != nil {
		return nil, fmt.Errorf(".env cannot be read: line %d is no NAME=value; correct it or remove the file", wrongLine(text))
	}
	return vars, nil
}

// wrongLine is the first line that cannot be read. It reads the lines one by one, and those of a value in quotes together.
func wrongLine(text string) int {
	line := 1
	for rest := text; rest != ""; {
		end := statementEnd(rest)
		if _, err := godotenv.Unmarshal(rest[:end]); err != nil {
			break
		}
		line += strings.Count(rest[:end], "\n")
		rest = rest[end:]
	}
	return line
}

// statementEnd is where the first line of the text ends, or the line in which its value in quotes is closed.
func statementEnd(text string) int {
	first := lineEnd(text, 0)
	mark := strings.IndexAny(text[:first], "=:")
	if mark < 0 || strings.HasPrefix(strings.TrimSpace(text), "#") {
		return first
	}
	value := strings.TrimLeft(text[mark+1:first], " \t")
	if value == "" || value[0] != '"' && value[0] != '\'' {
		return first
	}
	for i := first - len(value) + 1; i < len(text); i++ {
		if text[i] == value[0] && text[i-1] != '\\' {
			return lineEnd(text, i)
		}
	}
	return first
}

// lineEnd is behind the line break that follows i, or the end of the text.
func lineEnd(text string, i int) int {
	if n := strings.IndexByte(text[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(text)
}
