package main

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// sent is a record to produce.
type sent struct {
	Key       *string      `json:"key"`
	Value     *string      `json:"value"`
	Headers   [][2]*string `json:"headers"`
	Timestamp *int64       `json:"timestamp"`
}

type settings struct {
	Acks        string `json:"acks"`
	Codec       string `json:"codec"`
	Idempotence bool   `json:"idempotence"`
	MaxBytes    int32  `json:"max_bytes"`
}

var codecs = map[string]kgo.CompressionCodec{
	"":       kgo.NoCompression(),
	"none":   kgo.NoCompression(),
	"gzip":   kgo.GzipCompression(),
	"snappy": kgo.SnappyCompression(),
	"lz4":    kgo.Lz4Compression(),
	"zstd":   kgo.ZstdCompression(),
}

var acks = map[string]kgo.Acks{
	"": kgo.AllISRAcks(), "all": kgo.AllISRAcks(), "1": kgo.LeaderAck(), "0": kgo.NoAck(),
}

func produce(_ *adapter, ctx context.Context, r *request) (any, error) {
	options := []kgo.Opt{
		kgo.RequiredAcks(acks[r.Settings.Acks]),
		kgo.ProducerBatchCompression(codecs[r.Settings.Codec]),
	}
	if !r.Settings.Idempotence {
		options = append(options, kgo.DisableIdempotentWrite())
	}
	if r.Settings.MaxBytes > 0 {
		options = append(options, kgo.ProducerBatchMaxBytes(r.Settings.MaxBytes))
	}
	producer, err := newProducer(options...)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	return send(ctx, producer, r)
}

func transaction(_ *adapter, ctx context.Context, r *request) (any, error) {
	producer, err := newProducer(kgo.TransactionalID(r.ID))
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	if err := producer.BeginTransaction(); err != nil {
		return nil, err
	}
	if _, err := send(ctx, producer, r); err != nil {
		return nil, err
	}
	return nil, producer.EndTransaction(ctx, kgo.TransactionEndTry(r.Commit))
}

// newProducer lives for one call, since each has other settings.
func newProducer(options ...kgo.Opt) (*kgo.Client, error) {
	shared := []kgo.Opt{seeds(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.AllowAutoTopicCreation()}
	return kgo.NewClient(append(shared, options...)...)
}

func send(ctx context.Context, producer *kgo.Client, r *request) ([]int64, error) {
	records := []*kgo.Record{}
	for _, one := range r.Records {
		record := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Key: bytes(one.Key), Value: bytes(one.Value)}
		if one.Timestamp != nil {
			record.Timestamp = time.UnixMilli(*one.Timestamp)
		}
		for _, header := range one.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: *header[0], Value: bytes(header[1])})
		}
		records = append(records, record)
	}
	if err := producer.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := []int64{}
	for _, record := range records {
		offsets = append(offsets, record.Offset)
	}
	return offsets, nil
}

func bytes(text *string) []byte {
	if text == nil {
		return nil
	}
	return []byte(*text)
}

func offsetAt(a *adapter, ctx context.Context, r *request) (any, error) {
	var found kadm.ListedOffsets
	var err error
	switch at := r.At.(type) {
	case float64:
		found, err = a.admin.ListOffsetsAfterMilli(ctx, int64(at), r.Topic)
	case string:
		list := map[string]func(context.Context, ...string) (kadm.ListedOffsets, error){
			"earliest": a.admin.ListStartOffsets, "latest": a.admin.ListEndOffsets,
		}
		found, err = list[at](ctx, r.Topic)
	}
	if err != nil {
		return nil, err
	}
	one, _ := found.Lookup(r.Topic, r.Partition)
	// For a time after the last record the client gives the end, with no time.
	if _, isTime := r.At.(float64); isTime && one.Timestamp < 0 {
		return nil, one.Err
	}
	return one.Offset, one.Err
}
