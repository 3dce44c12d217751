package server

import "fmt"

// leastDescriptors is what a process needs: some 35 connections to Postgres and as many to other servers, the files of
// embedded ones, and a few clients. PostgreSQL, which inherits the limit, needs about as many.
const leastDescriptors = 256

// EnoughDescriptors is a sentence for the operator when a process that may have so many descriptors cannot work. 0: that is not
// known.
func EnoughDescriptors(descriptors int) error {
	if descriptors == 0 || descriptors >= leastDescriptors {
		return nil
	}
	return fmt.Errorf("this process may have %d files and connections open, which is not enough for its servers and for shoppers;"+
		" allow at least %d, better 20000 (ulimit -n, LimitNOFILE= of a systemd service, --ulimit nofile= of a container)", descriptors, leastDescriptors)
}
