package server

import "fmt"

// leastDescriptors is what a process needs: some 35 connections to Postgres and as many to other servers, the files of
// embedded ones, and a few clients. PostgreSQL, which inherits the limit, needs about as many.
const leastDescriptors = 256

// EnoughDescriptors refuses a limit with which nothing would work, and nothing would say why.
func EnoughDescriptors() error {
	if n := Descriptors(); n > 0 && n < leastDescriptors {
		return fmt.Errorf("this process may have %d files and connections open, which is too few: at least %d are needed (ulimit -n), "+
			"and one for each shopper at the same time", n, leastDescriptors)
	}
	return nil
}
