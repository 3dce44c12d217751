package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"flashsale/app/config"
	"flashsale/app/embedded"
)

// runFile is what a running instance leaves in DATA_DIR/run.json, so that verify, doctor and seed can work beside
// it on the servers it has embedded, by their Unix sockets. Only the owner reads it. It has no address and no password of a server that
// was configured: a command takes those from its own environment, and Configured says which variables it needs.
type runFile struct {
	PID           int       `json:"pid"`
	Since         time.Time `json:"since"`
	URL           string    `json:"url"`
	Configured    []string  `json:"configured,omitempty"`
	DatabaseURL   string    `json:"databaseUrl,omitempty"`
	RedisURL      string    `json:"redisUrl,omitempty"`
	RedisEmbedded bool      `json:"redisEmbedded,omitempty"`
	KafkaBrokers  []string  `json:"kafkaBrokers,omitempty"`
	KafkaID       string    `json:"kafkaId,omitempty"`
	RedisSocket   string    `json:"redisSocket,omitempty"`
	KafkaSocket   string    `json:"kafkaSocket,omitempty"`
	// Demo is true when the instance is in demo mode.
	Demo bool `json:"demo,omitempty"`
}

// runFileOf is for an instance that has started e itself.
func runFileOf(e embedded.Settings, url string, demo bool) runFile {
	return runFile{
		PID: os.Getpid(), Since: time.Now().UTC(), URL: url, Configured: notIn(e),
		DatabaseURL: e.DatabaseURL, RedisURL: e.RedisURL, RedisEmbedded: e.RedisEmbedded,
		KafkaBrokers: e.KafkaBrokers, KafkaID: e.KafkaID, RedisSocket: e.RedisSocket, KafkaSocket: e.KafkaSocket, Demo: demo,
	}
}

func (r runFile) settings() embedded.Settings {
	return embedded.Settings{
		DatabaseURL: r.DatabaseURL, RedisURL: r.RedisURL, RedisEmbedded: r.RedisEmbedded,
		KafkaBrokers: r.KafkaBrokers, KafkaID: r.KafkaID, RedisSocket: r.RedisSocket, KafkaSocket: r.KafkaSocket,
	}.Borrowed()
}

// notIn are the variables that name the servers which e has not.
func notIn(e embedded.Settings) (variables []string) {
	if e.DatabaseURL == "" {
		variables = append(variables, "DATABASE_URL")
	}
	if e.RedisURL == "" {
		variables = append(variables, "REDIS_URL")
	}
	if len(e.KafkaBrokers) == 0 {
		variables = append(variables, "KAFKA_BROKERS")
	}
	return variables
}

// complete is an error when the instance uses configured servers that this environment does not name.
func (r runFile) complete(s embedded.Settings, dir string) error {
	missing := notIn(s)
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("the instance that runs on %s works with servers that its environment names; set %s here too, as it is set there",
		dir, strings.Join(missing, " and "))
}

func runFilePath(dir string) string { return filepath.Join(dir, "run.json") }

func writeRunFile(dir string, r runFile) error {
	raw, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("run file: %w", err)
	}
	// A new file: one that is there may be readable by others.
	next, err := os.CreateTemp(dir, "run-*.json")
	if err != nil {
		return fmt.Errorf("write the run file: %w", err)
	}
	_, err = next.Write(append(raw, '\n'))
	if err = errors.Join(err, next.Close()); err == nil {
		err = os.Rename(next.Name(), runFilePath(dir))
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the run file: %w", err), os.Remove(next.Name()))
	}
	return nil
}

// readRunFile reports false when no instance has left one.
func readRunFile(dir string) (runFile, bool, error) {
	var r runFile
	raw, err := os.ReadFile(runFilePath(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("read the run file: %w", err)
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return r, false, fmt.Errorf("%s is damaged (%w); stop the instance and remove the file", runFilePath(dir), err)
	}
	return r, true, nil
}

// Running is what an instance on embedded servers tells commands on its machine.
type Running struct {
	URL  string
	Demo bool
	// DatabaseURL is the embedded Postgres; empty when that is a configured one.
	DatabaseURL string
}

// FindRunning is the instance that runs on the data directory. It is false when none does, and when nothing is embedded.
func FindRunning(cfg config.Config) (Running, bool, error) {
	if !cfg.AnyEmbedded() {
		return Running{}, false, nil
	}
	run, found, err := readRunFile(cfg.DataDir)
	if err != nil || !found || !inUse(cfg.DataDir) {
		return Running{}, false, err
	}
	return Running{URL: run.URL, Demo: run.Demo, DatabaseURL: run.DatabaseURL}, true, nil
}

func removeRunFile(dir string) { _ = os.Remove(runFilePath(dir)) }
