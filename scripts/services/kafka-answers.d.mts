export function kafkaAnswers(brokers: readonly string[]): Promise<boolean>;
