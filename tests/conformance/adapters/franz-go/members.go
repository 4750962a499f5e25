package main

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const heartbeat = 500 * time.Millisecond

// member is a consumer, what it has read beyond what was asked for, and what has happened to its partitions.
type member struct {
	client  *kgo.Client
	records []*kgo.Record
	lock    sync.Mutex
	has     []int32
	lost    []int32
}

var balancers = map[string]kgo.GroupBalancer{
	"": kgo.RangeBalancer(), "range": kgo.RangeBalancer(), "roundrobin": kgo.RoundRobinBalancer(),
	"sticky": kgo.StickyBalancer(), "cooperative-sticky": kgo.CooperativeStickyBalancer(),
}

func open(a *adapter, _ context.Context, r *request) (any, error) {
	m := &member{lost: []int32{}, has: []int32{}}
	options := []kgo.Opt{seeds()}
	if r.FetchWaitMs > 0 {
		options = append(options, kgo.FetchMaxWait(time.Duration(r.FetchWaitMs)*time.Millisecond))
	}
	if r.Isolation == "read_committed" {
		options = append(options, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	if r.Group == "" {
		partition := map[string]map[int32]kgo.Offset{r.Topic: {r.Partition: start(r.Start)}}
		options = append(options, kgo.ConsumePartitions(partition))
	} else {
		options = append(options, m.inGroup(r)...)
	}
	client, err := kgo.NewClient(options...)
	m.client = client
	a.members[r.Consumer] = m
	return nil, err
}

func start(at any) kgo.Offset {
	switch at := at.(type) {
	case float64:
		return kgo.NewOffset().At(int64(at))
	case string:
		if at == "latest" {
			return kgo.NewOffset().AtEnd()
		}
	}
	return kgo.NewOffset().AtStart()
}

func (m *member) inGroup(r *request) []kgo.Opt {
	taken := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		m.lock.Lock()
		defer m.lock.Unlock()
		m.has = append(m.has, partitions[r.Topic]...)
		slices.Sort(m.has)
	}
	given := func(_ context.Context, _ *kgo.Client, partitions map[string][]int32) {
		m.lock.Lock()
		defer m.lock.Unlock()
		gone := partitions[r.Topic]
		m.lost = append(m.lost, gone...)
		m.has = slices.DeleteFunc(m.has, func(one int32) bool { return slices.Contains(gone, one) })
	}
	options := []kgo.Opt{
		kgo.ConsumerGroup(r.Group), kgo.ConsumeTopics(r.Topic), kgo.ConsumeResetOffset(start(r.Start)),
		kgo.Balancers(balancers[r.Strategy]), kgo.DisableAutoCommit(), kgo.HeartbeatInterval(heartbeat),
		kgo.OnPartitionsAssigned(taken), kgo.OnPartitionsRevoked(given), kgo.OnPartitionsLost(given),
	}
	if r.SessionMs > 0 {
		options = append(options, kgo.SessionTimeout(time.Duration(r.SessionMs)*time.Millisecond))
	}
	if r.Instance != "" {
		options = append(options, kgo.InstanceID(r.Instance))
	}
	return options
}

// turn waits for records; groups need no turns here, the client has its own.
func (m *member) turn(ctx context.Context, count int) error {
	fetches := m.client.PollRecords(ctx, count)
	m.records = append(m.records, fetches.Records()...)
	for _, failure := range fetches.Errors() {
		if !errors.Is(failure.Err, context.DeadlineExceeded) {
			return failure.Err
		}
	}
	return nil
}

func poll(a *adapter, ctx context.Context, r *request) (any, error) {
	m := a.members[r.Consumer]
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.WaitMs)*time.Millisecond)
	defer cancel()
	for len(m.records) < r.Count && ctx.Err() == nil {
		if err := m.turn(ctx, r.Count-len(m.records)); err != nil {
			return nil, err
		}
	}
	count := min(r.Count, len(m.records))
	given := []any{}
	for _, record := range m.records[:count] {
		given = append(given, shown(record))
	}
	m.records = m.records[count:]
	return given, nil
}

func shown(record *kgo.Record) map[string]any {
	headers := [][2]any{}
	for _, header := range record.Headers {
		headers = append(headers, [2]any{header.Key, text(header.Value)})
	}
	return map[string]any{
		"partition": record.Partition, "offset": record.Offset, "timestamp": record.Timestamp.UnixMilli(),
		"timestamp_type": map[int8]any{0: "CreateTime", 1: "LogAppendTime"}[record.Attrs.TimestampType()],
		"key":            text(record.Key), "value": text(record.Value), "headers": headers,
	}
}

func text(bytes []byte) any {
	if bytes == nil {
		return nil
	}
	return string(bytes)
}

func assignment(a *adapter, ctx context.Context, r *request) (any, error) {
	m := a.members[r.Consumer]
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.WaitMs)*time.Millisecond)
	defer cancel()
	if err := m.turn(ctx, 0); err != nil {
		return nil, err
	}
	m.lock.Lock()
	defer m.lock.Unlock()
	return map[string]any{"partitions": slices.Clone(m.has), "lost": slices.Clone(m.lost)}, nil
}

func commit(a *adapter, ctx context.Context, r *request) (any, error) {
	var failure error
	offsets := map[string]map[int32]kgo.EpochOffset{r.Topic: {r.Partition: {Epoch: -1, Offset: r.Offset}}}
	done := func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, answer *kmsg.OffsetCommitResponse, err error) {
		if failure = err; err == nil {
			failure = kerr.ErrorForCode(answer.Topics[0].Partitions[0].ErrorCode)
		}
	}
	a.members[r.Consumer].client.CommitOffsetsSync(ctx, offsets, done)
	return nil, failure
}

func closeOne(a *adapter, _ context.Context, r *request) (any, error) {
	a.members[r.Consumer].client.Close()
	delete(a.members, r.Consumer)
	return nil, nil
}

func closeAll(a *adapter, _ context.Context, _ *request) (any, error) {
	for name, m := range a.members {
		m.client.Close()
		delete(a.members, name)
	}
	return nil, nil
}
