package config

import (
	"net"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

var addressPattern = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^\s"\x60]*`)

// HideSecrets takes every address out of a text of another program that is about to be shown.
func HideSecrets(text string) string { return addressPattern.ReplaceAllString(text, "$1***") }

// unknownPlace is the place of an address that was not understood.
const unknownPlace = "an address that is not understood"

// Place is where the server of a DATABASE_URL or REDIS_URL is: the hosts and ports, and a database of an ordinary name. It
// is made of what the drivers read, so that no part of a password can be in it.
func Place(address string) string {
	if wantedDatabase(address) == "" {
		return databasePlace(address)
	}
	if !validRedisURL(address) {
		return unknownPlace
	}
	opt, err := RedisOptions(address)
	if err != nil {
		return unknownPlace
	}
	return strings.Join(opt.InitAddress, ",")
}

var ordinaryName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,63}$`)

func databasePlace(address string) string {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return unknownPlace
	}
	place := hostPort(cfg.ConnConfig.Host, cfg.ConnConfig.Port)
	for _, other := range cfg.ConnConfig.Fallbacks {
		if more := hostPort(other.Host, other.Port); !strings.Contains(place, more) {
			place += "," + more
		}
	}
	if ordinaryName.MatchString(cfg.ConnConfig.Database) {
		place += "/" + cfg.ConnConfig.Database
	}
	return place
}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// cleanURL is false for an address in which a password with one of the letters # / ? @ has been taken for something else,
// because the letter was not written as %23, %2F, %3F or %40.
func cleanURL(address string) bool {
	u, err := url.Parse(address)
	return err == nil && !strings.Contains(address, "#") && !strings.Contains(u.EscapedPath()+u.RawQuery, "@")
}
