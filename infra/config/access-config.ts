import { z } from "zod";
import { hostFault, originFault } from "../http-guard.js";

/** Text that a rule judges. @param fault what is wrong with it, undefined where nothing is */
export const checked = (fault: (text: string) => string | undefined) =>
  z.string().superRefine((text, context) => {
    const message = fault(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  });

export const allowedHosts = z
  .array(checked(hostFault))
  .default([])
  .describe(
    "Names under which browsers and programs reach the plant's ports, beside loopback's and, where a port listens beyond loopback, any IP address: a proxy's name, a Kubernetes Service's; `*` for any. Requests with another Host are refused.",
  );

export const allowedOrigins = z
  .array(checked(originFault))
  .default([])
  .describe(
    "Origins of other pages that may use REST and WebSocket from a browser, such as https://desk.example.com; `*` for any. Pages of all other origins are refused.",
  );
