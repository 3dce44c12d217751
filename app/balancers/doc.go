// Package balancers holds the settings of nginx, HAProxy and Caddy in front of several instances: nginx.conf, haproxy.cfg and
// Caddyfile. They are for people to copy; README.md says what to change. The tests start those programs with these very texts and
// sell through them.
package balancers
