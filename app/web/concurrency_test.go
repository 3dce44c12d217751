package web

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/go-json-experiment/json"

	"flashsale/sale"
)

// TestAnswersAreNeverMixedUp sends purchase requests of many names at once through real connections: the hot routes share
// their buffers, and nobody may ever read another's answer.
func TestAnswersAreNeverMixedUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.checkout.buy = func(p sale.PurchaseRequest) sale.Answer {
		if strings.HasSuffix(p.Name, "7") {
			return sale.Answer{Kind: sale.Refused, Reason: "sold-out", Username: p.Name, Sale: activeSale()}
		}
		return sale.Answer{Kind: sale.Bought, Receipt: receipt(p.Name), Username: p.Name, Sale: activeSale()}
	}
	url := w.open(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}, Timeout: patience}
	t.Cleanup(client.CloseIdleConnections)
	var wg sync.WaitGroup
	for worker := range 16 {
		wg.Go(func() {
			for i := range 25 {
				name := fmt.Sprintf("shopper_%d_%d", worker, i)
				if err := purchaseOnce(t.Context(), client, url, name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func purchaseOnce(ctx context.Context, client *http.Client, url, name string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+buy, strings.NewReader(`{"username":"`+name+`"}`))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var got map[string]any
	if err := json.Unmarshal(body, &got); err != nil {
		return fmt.Errorf("%s: %w", body, err)
	}
	lost := strings.HasSuffix(name, "7")
	if got["userId"] != name || (res.StatusCode == http.StatusConflict) != lost || got["success"] == lost {
		return fmt.Errorf("%s got %d %s", name, res.StatusCode, body)
	}
	return nil
}
