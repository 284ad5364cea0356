import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.TreeSet;
import java.util.concurrent.Executors;

/**
 * Shop is a service that knows nothing of tracing: its agent does. It prints its port and stays until
 * its input ends.
 *
 * <p>/front?URL calls URL and passes the answer on; /back answers with the trace headers it got.
 */
public class Shop {
    private static final HttpClient client =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();

    public static void main(String[] args) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newCachedThreadPool());
        server.createContext("/front", Shop::front);
        server.createContext("/back", Shop::back);
        server.start();
        System.out.println(server.getAddress().getPort());
        System.out.flush();
        while (System.in.read() >= 0) {
            // nothing is said to us
        }
        System.exit(0); // the agent sends what is left
    }

    private static void front(HttpExchange x) throws IOException {
        try {
            URI next = URI.create(x.getRequestURI().getQuery());
            HttpResponse<String> r =
                    client.send(HttpRequest.newBuilder(next).build(), HttpResponse.BodyHandlers.ofString());
            answer(x, r.statusCode(), r.body());
        } catch (InterruptedException | IOException | IllegalArgumentException e) {
            answer(x, 502, e.toString());
        }
    }

    private static void back(HttpExchange x) throws IOException {
        StringBuilder b = new StringBuilder();
        for (String name : new TreeSet<>(x.getRequestHeaders().keySet())) {
            if (name.matches("(?i)trace.*|baggage|pinpoint-.*")) {
                b.append(name.toLowerCase()).append(": ");
                b.append(x.getRequestHeaders().getFirst(name)).append('\n');
            }
        }
        answer(x, 200, b.toString());
    }

    private static void answer(HttpExchange x, int status, String text) throws IOException {
        byte[] b = text.getBytes(StandardCharsets.UTF_8);
        x.sendResponseHeaders(status, b.length);
        x.getResponseBody().write(b);
        x.close();
    }
}
