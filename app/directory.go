package app

import (
	"fmt"
	"os"
	"time"
)

// removeSoon tolerates a server that is still writing its last file.
func removeSoon(dir string) error {
	var err error
	for range 100 {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("%s could not be removed: %w", dir, err)
}
