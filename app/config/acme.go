package config

import (
	netmail "net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// ACME is how the public listener gets its certificates from an authority (RFC 8555).
type ACME struct {
	Email string   // of the account, whose holder agrees to the authority's terms
	Hosts []string // lower case; one certificate each; the first is shown to clients that name none of them
	CA    string   // the address of the authority's directory
}

const (
	// letsEncrypt is the authority when ACME_CA names no other.
	letsEncrypt = "https://acme-v02.api.letsencrypt.org/directory"
	// mostHosts bounds the certificates of one deployment; Let's Encrypt gives 50 a week to a registered domain.
	mostHosts = 25
)

var dnsName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// validACMEHost takes the name of a host that an authority can reach: no address, no wildcard. Others than ASCII are written xn--.
func validACMEHost(v string) bool {
	return len(v) <= longestHost && dnsName.MatchString(strings.ToLower(v))
}

// validDirectory takes an address of HTTPS without a password or a query.
func validDirectory(v string) bool {
	u, err := url.Parse(v)
	return err == nil && u.Scheme == "https" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && (validHost(u.Host) || validAddress(u.Host, 1))
}

// validMailbox takes an ASCII address without a name.
func validMailbox(v string) bool {
	a, err := netmail.ParseAddress(v)
	return err == nil && a.Name == "" && a.Address == v && validSender(v)
}

// authority: a deployment gets its certificates either from an authority or from files.
func (c *Config) authority(r *reader) {
	email := r.checked("ACME_EMAIL", "", "an e-mail address, like admin@shop.example", validMailbox)
	var hosts []string
	for _, host := range r.each("ACME_HOSTS", "names of hosts without wildcards, separated by commas, like shop.example,www.shop.example", validACMEHost) {
		if host = strings.ToLower(host); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	ca := r.checked("ACME_CA", letsEncrypt, "the https:// address of an ACME directory, like "+letsEncrypt, validDirectory)
	switch _, chosen := r.value("ACME_CA"); {
	case email == "" && len(hosts) == 0 && !chosen:
		return
	case c.TLSCert != "" || c.TLSKey != "":
		r.refuse("ACME_HOSTS", "set beside TLS_CERT", "left out, or TLS_CERT and TLS_KEY be left out, because the public listener shows the one or the other")
	case len(hosts) == 0:
		r.refuse("ACME_HOSTS", "not set beside ACME_EMAIL or ACME_CA", "the names that certificates are ordered for, like shop.example")
	case len(hosts) > mostHosts:
		r.refuse("ACME_HOSTS", "of more than 25 names", "of 25 names at most")
	case email == "":
		r.refuse("ACME_EMAIL", "not set beside ACME_HOSTS", "the address of whoever agrees to the authority's terms, like admin@shop.example")
	}
	c.ACME = &ACME{Email: email, Hosts: hosts, CA: ca}
}
