"""Why the consumer seeks by itself: aiokafka does not rewind a partition without a commit."""

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from feedback_app.broker import LocalKafka


async def test_seek_to_committed_leaves_a_partition_without_a_commit_where_it_is(
    kafka: LocalKafka, unique_prefix: str
) -> None:
    topic, group = f"{unique_prefix}seek", f"{unique_prefix}group"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap)
    await admin.start()
    await admin.create_topics([NewTopic(topic, 1, 1)])
    await admin.close()
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
        for value in (b"a", b"b", b"c"):
            await producer.send_and_wait(topic, value)
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=kafka.bootstrap,
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
    )
    tp = TopicPartition(topic, 0)
    async with consumer:
        assert (await consumer.getone()).value == b"a"
        found = await consumer.seek_to_committed(tp)
        # This is the loss that `StageConsumer.seek_to_committed` prevents.
        assert not found[tp]
        assert (await consumer.getone()).value == b"b"
        consumer.seek(tp, 0)
        assert (await consumer.getone()).value == b"a"
