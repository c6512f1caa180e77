// What k6 runs for bench.peers: every virtual user asks for one page, again and again.
// At the end it prints one line of JSON, k6's own figures under the names of bench.tools.Reading.
import http from "k6/http";

export const options = {
  discardResponseBodies: true, // as the other tools do
  summaryTrendStats: ["med", "p(99)"],
};

export default function () {
  http.get(__ENV.URL);
}

export function handleSummary({ metrics }) {
  const latencyMs = metrics.http_req_duration.values;
  const reading = {
    requests: metrics.http_reqs.values.count,
    requests_per_s: metrics.http_reqs.values.rate,
    errors: metrics.http_req_failed.values.passes, // that the rate's condition "failed" was met
    p50_ms: latencyMs.med,
    p99_ms: latencyMs["p(99)"],
  };
  return { stdout: JSON.stringify(reading) + "\n" };
}
