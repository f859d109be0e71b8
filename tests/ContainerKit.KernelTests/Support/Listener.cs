using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;

namespace ContainerKit.KernelTests;

/// <summary>Somebody who hears everything that the library says of starts and ends, until it is disposed.</summary>
internal sealed class Listener : IDisposable
{
    private readonly ActivityListener _activities;
    private readonly MeterListener _meter;
    private readonly ConcurrentQueue<string> _measured = [];
    private readonly ConcurrentQueue<Activity> _stopped = [];

    public Listener()
    {
        _activities = new()
        {
            ShouldListenTo = source => source.Name == "ContainerKit",
            Sample = (ref _) => ActivitySamplingResult.AllData,
            ActivityStopped = _stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(_activities);
        _meter = new()
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Meter.Name == "ContainerKit")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        _meter.SetMeasurementEventCallback<long>((instrument, value, tags, _) => Add(instrument, $"{value}", tags));
        _meter.SetMeasurementEventCallback<int>((instrument, value, tags, _) => Add(instrument, $"{value}", tags));
        _meter.SetMeasurementEventCallback<double>((instrument, value, tags, _) =>
            Add(instrument, value is > 0 and < 60 ? "s" : $"{value}", tags));
        _meter.Start();
    }

    /// <summary>The activities that ended.</summary>
    public IReadOnlyCollection<Activity> Activities => _stopped;

    /// <summary>
    /// What was measured since the last time: <c>starts 1 error.type=ENOENT</c>; a time that may be is <c>s</c>.
    /// </summary>
    public string[] Measured()
    {
        string[] measured = [.. _measured];
        _measured.Clear();
        return measured;
    }

    /// <summary>How many containers live.</summary>
    public int Live()
    {
        _measured.Clear();
        _meter.RecordObservableInstruments();
        return int.Parse(Assert.Single(Measured()).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _activities.Dispose();
        _meter.Dispose();
    }

    private void Add(Instrument instrument, string value, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        _measured.Enqueue(
            string.Join(' ', [instrument.Name.Replace("containerkit.", ""), value,
                .. tags.ToArray().Select(tag => $"{tag.Key}={tag.Value}")]));
}
