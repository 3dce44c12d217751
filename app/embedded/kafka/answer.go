package kafka

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// partition names a partition of a topic.
type partition struct {
	topic  string
	number int32
}

// partitions are those of which the answer to the request, without its length and number, says that records were
// appended, or of which it contains records.
func (r request) partitions(answer []byte) (found []partition, err error) {
	if r.key == keyProduce && r.version >= flexibleProduce || r.key == keyFetch && r.version >= flexibleFetch {
		if len(answer) == 0 {
			return nil, fmt.Errorf("%w: an answer without its fields", errFrame)
		}
		answer = answer[1:] // kfake's answers have no tagged fields in the header
	}
	if r.key == keyProduce {
		return appended(answer, r.version)
	}
	return fetched(answer, r.version)
}

func appended(answer []byte, version int16) (found []partition, err error) {
	var p kmsg.ProduceResponse
	p.SetVersion(version)
	if err := p.ReadFrom(answer); err != nil {
		return nil, fmt.Errorf("read an answer of the embedded Kafka: %w", err)
	}
	for _, t := range p.Topics {
		for _, one := range t.Partitions {
			if one.ErrorCode == 0 {
				found = append(found, partition{t.Topic, one.Partition})
			}
		}
	}
	return found, nil
}

func fetched(answer []byte, version int16) (found []partition, err error) {
	var f kmsg.FetchResponse
	f.SetVersion(version)
	if err := f.ReadFrom(answer); err != nil {
		return nil, fmt.Errorf("read an answer of the embedded Kafka: %w", err)
	}
	for _, t := range f.Topics {
		for _, one := range t.Partitions {
			if len(one.RecordBatches) > 0 {
				found = append(found, partition{t.Topic, one.Partition})
			}
		}
	}
	return found, nil
}
