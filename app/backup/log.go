package backup

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// packLog writes the files of an embedded Kafka's log as an archive, also while it works. Records are only ever appended, so that of a
// file that grows meanwhile the beginning is copied, as a crash would have left it; such a log is read when it is opened.
func packLog(ctx context.Context, dir string, to io.Writer) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer func() { _ = root.Close() }()
	archive := tar.NewWriter(to)
	err = fs.WalkDir(root.FS(), ".", func(path string, e fs.DirEntry, err error) error {
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, fs.ErrNotExist): // a topic that was removed meanwhile
			return nil
		case err != nil:
			return err
		case !e.Type().IsRegular() || strings.HasSuffix(path, ".tmp"):
			return nil
		}
		return packFile(root, path, archive)
	})
	if err == nil {
		err = archive.Close()
	}
	if err != nil {
		return fmt.Errorf("copy the log: %w", err)
	}
	return nil
}

func packFile(root *os.Root, path string, archive *tar.Writer) (err error) {
	f, err := root.Open(path)
	if errors.Is(err, fs.ErrNotExist) { // an old segment that was removed meanwhile
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	header := &tar.Header{Name: filepath.ToSlash(path), Mode: 0o600, Size: info.Size(), ModTime: info.ModTime(), Typeflag: tar.TypeReg}
	if err := archive.WriteHeader(header); err != nil {
		return err
	}
	_, err = io.CopyN(archive, f, info.Size())
	return err
}

// unpack writes the files of an archive into a directory, readable by this user only, and makes them durable. It writes nothing outside
// the directory, whatever the archive says.
func unpack(ctx context.Context, from io.Reader, into string) (err error) {
	root, err := os.OpenRoot(into)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, root.Close()) }()
	archive := tar.NewReader(from)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := unpackOne(root, header, archive); err != nil {
			return fmt.Errorf("%s: %w", header.Name, err)
		}
	}
}

func unpackOne(root *os.Root, header *tar.Header, from io.Reader) error {
	name := filepath.FromSlash(strings.TrimSuffix(header.Name, "/"))
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o700)
	case tar.TypeReg:
	default:
		return fmt.Errorf("it is neither a file nor a directory (%c)", header.Typeflag)
	}
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Sync(), f.Close())
}
