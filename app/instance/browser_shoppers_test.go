package instance_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// apiShoppers buy by HTTP while a page is open.
type apiShoppers struct {
	t      *testing.T
	base   string
	client *http.Client
}

func newAPIShoppers(t *testing.T, base string) *apiShoppers {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 100}}
	t.Cleanup(client.CloseIdleConnections)
	return &apiShoppers{t: t, base: base, client: client}
}

// shoppers are names that may purchase, n of them, from the list of users.
func (c *apiShoppers) shoppers(n int) []string {
	c.t.Helper()
	var names []string
	for page := 1; len(names) < n; page++ {
		var list struct {
			Users []struct {
				Username    string
				CanPurchase bool
			}
		}
		c.get(fmt.Sprintf("/api/users?page=%d&limit=1000", page), &list)
		if len(list.Users) == 0 {
			c.t.Fatalf("only %d shoppers may purchase, want %d", len(names), n)
		}
		for _, u := range list.Users {
			if u.CanPurchase {
				names = append(names, u.Username)
			}
		}
	}
	return names[:n]
}

func (c *apiShoppers) get(path string, into any) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodGet, c.base+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	res, err := c.client.Do(r)
	if err != nil {
		c.t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		c.t.Fatalf("GET %s: %s", path, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(into); err != nil {
		c.t.Fatal(err)
	}
}

// post sends JSON and gives the status code and the document.
func (c *apiShoppers) post(path, body string) (int, map[string]any, error) {
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.base+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := c.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, err
	}
	var document map[string]any
	if err := json.Unmarshal(raw, &document); err != nil {
		return 0, nil, fmt.Errorf("POST %s answers %s: %w", path, raw, err)
	}
	return res.StatusCode, document, nil
}

// press has all of them buy at once and returns the distinct receipts. A purchase request without a verdict within the time of
// an answer is sent again, as a shopper does: that is safe, and finds the verdict.
func (c *apiShoppers) press(names []string) map[string]string {
	c.t.Helper()
	var (
		mu       sync.Mutex
		wait     sync.WaitGroup
		receipts = map[string]string{}
	)
	for _, name := range names {
		wait.Go(func() {
			id, err := c.pressOnce(name)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				c.t.Error(err)
			case id == "":
			case receipts[id] != "":
				c.t.Errorf("%s and %s have the same receipt", name, receipts[id])
			default:
				receipts[id] = name
			}
		})
	}
	wait.Wait()
	return receipts
}

func (c *apiShoppers) pressOnce(name string) (purchaseID string, err error) {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); {
		code, answer, err := c.post("/api/flash-sale/purchase", fmt.Sprintf(`{"username":%q}`, name))
		if err != nil {
			return "", err
		}
		switch {
		case code == http.StatusCreated || code == http.StatusOK:
			id, _ := answer["purchaseId"].(string)
			return id, nil
		case code == http.StatusConflict && answer["type"] != "/problems/all-claimed":
			return "", nil
		case code == http.StatusConflict, code == http.StatusAccepted, code == http.StatusServiceUnavailable:
			time.Sleep(50 * time.Millisecond)
		default:
			return "", fmt.Errorf("%s was answered %d %v", name, code, answer)
		}
	}
	return "", fmt.Errorf("%s never got a verdict", name)
}
