package config

import (
	"fmt"

	"github.com/joho/godotenv"
)

// envFile reads the text of a .env file. The library's error quotes the rest of the file, passwords and all, so it is
// left out and the line is counted instead.
func envFile(text string) (map[string]string, error) {
	vars, err := godotenv.Unmarshal(text)
	if err == nil {
		return vars, nil
	}
	line := 1
	for i, b := range text {
		if b != '\n' {
			continue
		}
		if _, err := godotenv.Unmarshal(text[:i]); err != nil {
			break
		}
		line++
	}
	return nil, fmt.Errorf(".env cannot be read: line %d is no NAME=value; correct it or remove the file", line)
}
